//! `countersign demo` and `countersign seed`: the main path on one machine, as a stranger would walk it.
//!
//! Everything that can go through the API does: accounts, applications and campaigns are made by GraphQL over HTTP, posts
//! are submitted by the affiliates with tokens of their own, alerts arrive over a WebSocket. The platforms are played by
//! the simulator, and the adapters cannot tell. Each submission knows what must come of it, and whatever comes otherwise
//! is said at the end; with `--exit` it is also the exit code.
//!
//! With `--week` every check of a week is played, on a clock that is moved.
//!
//! It fails where the database, the server or the played platforms cannot be started, or the API does not answer. A
//! verdict that is wrong or missing is no failure of the program: it is a line in the summary.

mod alerts;
mod catalogue;
mod claims;
mod client;
mod links;
mod plan;
mod screen;
mod seed;
mod story;
mod submit;
mod subscription;
mod summary;
mod trust;
mod verdicts;
mod week;

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::client::Api;
use self::screen::Screen;
use self::story::{Cast, Told};
use crate::config::{self, Config};
use crate::domain::account;
use crate::model::{PlatformKind, Secret};
use crate::platform::Platforms;
use crate::server::{Process, listen};
use crate::simulator::{Simulator, World};

/// What the posts and their figures are made from: the same as in `countersign simulate`.
const SEED: u64 = 1;
/// How many ports are tried after the first one.
const PORTS: u16 = 100;
/// The least life of a token in the demo, in seconds: no run takes longer.
const TOKEN_SECONDS: i64 = 900;

/// What the demo is to do.
#[derive(Debug, Clone, Args)]
pub struct DemoOptions {
    /// How many submissions are made, 1 to 5000.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub submissions: u32,
    /// End after the summary, with exit code 0 only if every outcome is what the seed says.
    #[arg(long)]
    pub exit: bool,
    /// Play a week of checks in minutes, on a clock that is moved: figures grow, calls fail, posts vanish. Needs the private
    /// database.
    #[arg(long)]
    pub week: bool,
    /// Where to listen; where that is taken, at the next free port.
    #[arg(long)]
    pub listen: Option<SocketAddr>,
}

/// What the seed is to do.
#[derive(Debug, Clone, Args)]
pub struct SeedOptions {
    /// How many submissions are made, 0 to 5000.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=5_000))]
    pub submissions: u32,
}

/// Shows the main path on this machine, and stays up until `stop` unless it is told to end after the summary.
///
/// The exit code is a failure where it was told to end and an outcome is not what the seed says, or `stop` came first.
///
/// # Errors
/// The database, the server or the played platforms cannot be started, or the API does not answer.
pub async fn demo(options: DemoOptions, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let screen = Arc::new(Screen::new());
    let submissions = usize::try_from(options.submissions)?;
    // An address that is taken is found out before a database is started.
    let listener = listen_near(config::listen_address(options.listen)?).await?;
    let mut config = Config::from_env()?;
    let world = Arc::new(if options.week {
        world_of_a_week()
    } else {
        world_of_today()
    });
    let simulator = Simulator::start_with(Arc::clone(&world), loopback()).await?;
    play(&mut config, &simulator)?;
    screen.line(&format!(
        "Reddit, Instagram, Facebook, YouTube, TikTok and X are played at http://{}.",
        simulator.address()
    ));
    screen.line("Starting the database.");
    let private = if options.week {
        Some(week::open_database(&mut config).await?)
    } else {
        None
    };
    let process = Process::open(config).await?;
    let stage = Stage {
        process: &process,
        screen: &screen,
        world: &world,
        submissions,
        works: true,
        watches: true,
        stays: !options.exit,
        tale: if options.week { Tale::Week } else { Tale::Day },
    };
    let told = stage.play(listener, &stop).await;
    process.close().await?;
    if let Some(private) = private {
        private.stop().await?;
    }
    simulator.stop().await?;
    let is_as_planned = told?.is_some_and(|(told, _)| told.differences.is_empty());
    Ok(if options.exit && !is_as_planned {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Fills a database with advertisers, affiliates and campaigns and, where asked to, submissions.
///
/// Where every platform is set up, the claims are left to a running worker. Otherwise all of them are played, and the claims
/// are checked, before it ends.
///
/// # Errors
/// The database cannot be reached, the API does not answer, or an outcome is not what the seed says.
pub async fn seed(options: SeedOptions) -> anyhow::Result<()> {
    let screen = Arc::new(Screen::new());
    let submissions = usize::try_from(options.submissions)?;
    let mut config = Config::from_env()?;
    let platforms = Platforms::new(config.platforms.iter().cloned())?;
    let is_set_up = |kind: &PlatformKind| platforms.available(*kind);
    let plays = submissions > 0 && !PlatformKind::ALL.iter().all(is_set_up);
    // A simulator that others run has the posts of its default settings.
    let world = Arc::new(if plays {
        world_of_today()
    } else {
        World::new(SEED)
    });
    let simulator = if plays {
        let simulator = Simulator::start_with(Arc::clone(&world), loopback()).await?;
        play(&mut config, &simulator)?;
        Some(simulator)
    } else {
        None
    };
    let listener = listen(loopback()).await?;
    let process = Process::join(config).await?;
    let stage = Stage {
        process: &process,
        screen: &screen,
        world: &world,
        submissions,
        works: plays,
        watches: false,
        stays: false,
        tale: Tale::Day,
    };
    let told = stage.play(listener, &CancellationToken::new()).await;
    process.close().await?;
    if let Some(simulator) = simulator {
        simulator.stop().await?;
    }
    let Some((told, operator_key)) = told? else {
        bail!("the server ended before everything was there");
    };
    let mut keys = vec![("operator", "", &operator_key)];
    for (noun, parties) in [
        ("advertiser", &told.planted.advertisers),
        ("affiliate", &told.planted.affiliates),
    ] {
        let of_parties = parties.iter();
        keys.extend(of_parties.map(|party| (noun, party.name.as_str(), &party.key)));
    }
    screen.line("\nAPI keys, for issueToken:");
    print_keys(&screen, &keys);
    if told.differences.is_empty() {
        Ok(())
    } else {
        bail!(
            "{} outcomes are not what the seed says",
            told.differences.len()
        )
    }
}

/// A process with what is played in it.
struct Stage<'a> {
    process: &'a Process,
    screen: &'a Arc<Screen>,
    world: &'a World,
    submissions: usize,
    /// Whether jobs are done here.
    works: bool,
    /// Whether alerts are watched.
    watches: bool,
    /// Whether the server stays up after the summary.
    stays: bool,
    tale: Tale,
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tale {
    /// The first check of each claim.
    Day,
    /// Every check, for a week.
    Week,
}

impl Stage<'_> {
    /// Serves, does the jobs where asked to, and tells the story. Gives none where `stop` came before the end of it, else
    /// what came of it, with the operator's key.
    async fn play(
        &self,
        listener: TcpListener,
        stop: &CancellationToken,
    ) -> anyhow::Result<Option<(Told, Secret)>> {
        let api = Api::new(reachable(listener.local_addr()?))?;
        let operator_key = account::create_operator(&self.process.app).await?.text;
        let cast = Cast {
            screen: self.screen,
            app: &self.process.app,
            api: &api,
            operator_key: &operator_key,
            world: self.world,
            submissions: self.submissions,
            works: self.works,
            watches: self.watches,
        };
        let ended = stop.child_token();
        let serving = Box::pin(async {
            let served = self.process.serve(listener, ended.clone()).await;
            ended.cancel();
            served
        });
        let working = async {
            if self.works {
                self.process.work(ended.clone()).await;
            }
        };
        let telling = async {
            let story = async {
                match self.tale {
                    Tale::Day => Box::pin(story::tell(&cast, &ended)).await,
                    Tale::Week => Box::pin(week::tell(&cast, &ended)).await,
                }
            };
            let told = tokio::select! {
                told = story => told.map(Some),
                () = ended.cancelled() => Ok(None),
            };
            if let Ok(Some(told)) = &told
                && self.stays
            {
                welcome(self.screen, &api, told, &operator_key);
                ended.cancelled().await;
                self.screen.line("\nStopping.");
            }
            ended.cancel();
            told
        };
        let (served, (), told) = tokio::join!(serving, working, telling);
        served?;
        Ok(told?.map(|told| (told, operator_key)))
    }
}

/// Says where everything is and with what to sign in.
fn welcome(screen: &Screen, api: &Api, told: &Told, operator_key: &Secret) {
    let url = format!("http://{}", api.address());
    screen.line(&format!(
        "\nCountersign is up, and prints alerts as they come. Ctrl-C ends it.\n\n  \
         GraphiQL   {url}/graphiql\n  API        {url}/graphql\n\nAPI keys to sign in with:"
    ));
    let mut keys = vec![("operator", "", operator_key)];
    let parties = [
        ("advertiser", told.planted.advertisers.first()),
        ("affiliate", told.planted.affiliates.first()),
    ];
    for (noun, party) in parties {
        keys.extend(party.map(|party| (noun, party.name.as_str(), &party.key)));
    }
    print_keys(screen, &keys);
    screen.line(&format!(
        "\nA token for the header `Authorization: Bearer ...`:\n\n  \
         curl -s {url}/graphql -H 'content-type: application/json' -d '{{\"query\":\
         \"mutation {{ issueToken(input: {{ apiKey: \\\"{}\\\" }}) {{ accessToken }} }}\"}}'\n",
        operator_key.expose()
    ));
}

/// Prints keys with whose they are.
fn print_keys(screen: &Screen, keys: &[(&str, &str, &Secret)]) {
    for (noun, name, key) in keys {
        let line = format!("  {noun:<10}  {}  {name}", key.expose());
        screen.line(line.trim_end());
    }
}

/// Platforms whose figures stand still, so that each verdict is certain.
fn world_of_today() -> World {
    World::of_today(SEED)
        .with_frozen_growth()
        .with_credentials_required()
}

/// Platforms whose figures grow as posts age.
fn world_of_a_week() -> World {
    World::of_today(SEED).with_credentials_required()
}

/// Puts the played platforms in the place of those that are set up.
fn play(config: &mut Config, simulator: &Simulator) -> anyhow::Result<()> {
    let environment = simulator.environment();
    let value = |name: &str| {
        environment
            .iter()
            .find(|(variable, _)| variable == name)
            .map(|(_, value)| value.clone())
    };
    config.platforms = config::platforms(&value)?;
    config.tokens.access_seconds = config.tokens.access_seconds.max(TOKEN_SECONDS);
    Ok(())
}

/// Listens at an address or, where its port is taken, at the next free one.
async fn listen_near(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let last = address.port().saturating_add(PORTS);
    for port in address.port()..=last {
        let address = SocketAddr::new(address.ip(), port);
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            bound => return bound.with_context(|| format!("cannot listen on {address}")),
        }
    }
    bail!("no port from {} to {last} is free", address.port())
}

/// Any free port of this machine.
const fn loopback() -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

/// The address at which this machine reaches what listens at an address, which may be "any".
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_every_address_is_reached_on_this_machines_own() {
        for (listens, reached) in [
            ("0.0.0.0:8000", "127.0.0.1:8000"),
            ("[::]:8000", "[::1]:8000"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            let listens: SocketAddr = listens.parse().unwrap();
            assert_eq!(reachable(listens).to_string(), reached);
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_gives_way_to_the_next_free_one() {
        let first = TcpListener::bind(loopback()).await.unwrap();
        let taken = first.local_addr().unwrap();
        let second = listen_near(taken).await.unwrap().local_addr().unwrap();
        assert!(second.port() > taken.port() && second.port() - taken.port() <= PORTS);
    }

    #[tokio::test]
    async fn the_played_platforms_take_the_place_of_those_that_are_set_up() {
        let simulator = Simulator::start_with(Arc::new(world_of_today()), loopback())
            .await
            .unwrap();
        let mut config = Config::read(&|name| {
            let set = ["META_ACCESS_TOKEN", "X_ACCESS_TOKEN"];
            let is_set = set.iter().any(|end| name.ends_with(end));
            is_set.then(|| "real".to_owned())
        })
        .unwrap();
        play(&mut config, &simulator).unwrap();
        let kinds: Vec<PlatformKind> = config.platforms.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, PlatformKind::ALL, "each once");
        for (kind, access) in &config.platforms {
            assert!(access.base_url.as_str().starts_with("http://127.0.0.1:"));
            assert!(access.operator_set_hosts);
            let token = access.access_token.as_ref().map(Secret::expose);
            assert_ne!(token, Some("real"), "{kind}");
        }
        let platforms = Platforms::new(config.platforms).unwrap();
        for kind in PlatformKind::ALL {
            assert!(platforms.available(*kind), "{kind}");
        }
        simulator.stop().await.unwrap();
    }
}
