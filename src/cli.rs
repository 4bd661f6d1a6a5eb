//! The command line.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::db::run::Progress as RunProgress;
use crate::domain::{account, dashboard, discord, platform, run as domain_run};
use crate::model::is_discord_id;
use crate::platform::Discord;
use crate::server::{Process, listen};
use crate::{demo, graphql, simulator, telemetry};

#[derive(Debug, Parser)]
#[command(
    name = "countersign",
    version,
    about = "Reconciles what affiliates claim with what platforms report"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and, unless told otherwise, do the queued jobs.
    Serve(ServeArgs),
    /// Do the queued jobs.
    Worker,
    /// Show everything on this machine: a database, platforms that are played, submissions and alerts.
    Demo(demo::DemoOptions),
    /// Fill a database with advertisers, affiliates, campaigns and submissions.
    Seed(demo::SeedOptions),
    /// Bring the database up to date.
    Migrate,
    /// Print the GraphQL schema.
    Schema,
    /// Play the platforms: the wire formats of Reddit, Instagram, Meta, YouTube, TikTok and X with made-up posts.
    Simulate(SimulateArgs),
    /// Check a campaign's latest claims now, as runReconciliation does, and wait for the verdicts.
    Reconcile(ReconcileArgs),
    /// Keys, accounts and secrets.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Ask a running server whether it lives; for containers.
    Healthcheck(HealthcheckArgs),
}

impl Command {
    /// What is logged where `RUST_LOG` does not say: what speaks to a person is quiet.
    const fn log_filter(&self) -> Option<&'static str> {
        match self {
            Self::Demo(_) | Self::Seed(_) => Some("warn"),
            _ => None,
        }
    }
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Where to listen; `COUNTERSIGN_LISTEN` where left out, 127.0.0.1:8000 where that is not set.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Leave the queued jobs to others.
    #[arg(long)]
    no_worker: bool,
}

#[derive(Debug, Args)]
struct SimulateArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// What the posts and their figures are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct ReconcileArgs {
    /// The campaign's global id, or its number.
    #[arg(long)]
    campaign: String,
    /// Give up waiting after this many seconds. The checks go on.
    #[arg(long, default_value_t = 600)]
    timeout_seconds: u64,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Create a user with an API key and print the key, alone, on standard output.
    CreateKey {
        /// On whose behalf the user acts.
        #[arg(long, value_enum)]
        role: KeyRole,
    },
    /// Bring every secret in the database under the first of the encryption keys.
    Reencrypt,
    /// Count the totals of every dashboard again, and say where what is kept is not that.
    CheckTotals,
    /// What this server is at Discord.
    #[command(subcommand)]
    Discord(DiscordCommand),
}

#[derive(Debug, Subcommand)]
enum DiscordCommand {
    /// Make /submit and /status the commands of the application, in the place of all that it has.
    Register {
        /// The server that gets them, at once. Left out: every server.
        #[arg(long, value_parser = snowflake)]
        guild: Option<String>,
    },
}

/// An id of Discord's.
fn snowflake(text: &str) -> Result<String, &'static str> {
    if is_discord_id(text) {
        Ok(text.to_owned())
    } else {
        Err("this is not an id of up to 20 digits")
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyRole {
    /// Runs the server.
    Operator,
}

#[derive(Debug, Args)]
struct HealthcheckArgs {
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8000")]
    url: String,
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start(cli.command.log_filter());
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    runtime
        .block_on(run(cli.command))
        .unwrap_or_else(|error| fail(&error))
}

#[allow(clippy::print_stderr, reason = "the command line speaks to a person")]
fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("countersign: {error:#}");
    ExitCode::FAILURE
}

#[allow(clippy::print_stdout, reason = "the command line's output")]
async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Demo(options) => return demo::demo(options, stop_signal()).await,
        Command::Seed(options) => demo::seed(options).await,
        Command::Serve(args) => serve(args).await,
        Command::Worker => {
            let process = Process::join(Config::from_env()?).await?;
            process.work(stop_signal()).await;
            process.close().await
        }
        Command::Migrate => Process::join(Config::from_env()?).await?.close().await,
        Command::Schema => {
            print!("{}", graphql::sdl());
            Ok(())
        }
        Command::Simulate(args) => {
            let world = simulator::World::of_today(args.seed).with_credentials_required();
            let simulator = simulator::Simulator::start_with(Arc::new(world), args.listen).await?;
            println!(
                "# The platforms are played at http://{}. For a server:",
                simulator.address()
            );
            for (variable, value) in simulator.environment() {
                println!("export {variable}={value}");
            }
            stop_signal().cancelled().await;
            Ok(simulator.stop().await?)
        }
        Command::Admin(AdminCommand::CreateKey {
            role: KeyRole::Operator,
        }) => {
            let process = Process::join(Config::from_env()?).await?;
            let key = account::create_operator(&process.app).await;
            process.close().await?;
            println!("{}", key?.text.expose());
            Ok(())
        }
        Command::Admin(AdminCommand::Reencrypt) => {
            let process = Process::join(Config::from_env()?).await?;
            let moved = platform::reencrypt(&process.app).await;
            process.close().await?;
            println!(
                "{} secrets were under another key and are under the first one now",
                moved?
            );
            Ok(())
        }
        Command::Admin(AdminCommand::CheckTotals) => return check_totals().await,
        Command::Admin(AdminCommand::Discord(DiscordCommand::Register { guild })) => {
            // It needs no database.
            let config = Config::from_env()?.discord.unwrap_or_default();
            let names = Discord::new(&config)?
                .register(&discord::definitions(), guild.as_deref())
                .await?;
            let server = guild.map_or_else(
                || "every server".to_owned(),
                |guild| format!("the server {guild}"),
            );
            println!("registered for {server}: /{}", names.join(", /"));
            Ok(())
        }
        Command::Reconcile(args) => return reconcile(args).await,
        Command::Healthcheck(args) => {
            let client = reqwest::Client::builder()
                .timeout(Duration::from_secs(3))
                .build()?;
            let answer = client.get(format!("{}/healthz", args.url)).send().await?;
            anyhow::ensure!(
                answer.status().is_success(),
                "the server answers {}",
                answer.status()
            );
            Ok(())
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

#[allow(clippy::print_stdout, reason = "the command line's output")]
async fn check_totals() -> anyhow::Result<ExitCode> {
    let process = Process::join(Config::from_env()?).await?;
    let differences = dashboard::check(&process.app).await;
    process.close().await?;
    let differences = differences?;
    for difference in &differences {
        println!(
            "campaign {}, {} {} affiliate {}: {} is kept as {} and counted as {}",
            difference.campaign_id,
            difference.grain,
            difference.platform,
            difference.affiliate_id,
            difference.measure,
            difference.kept,
            difference.counted
        );
    }
    if differences.is_empty() {
        println!("every total is what counting gives");
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::FAILURE)
    }
}

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command line's output"
)]
async fn reconcile(args: ReconcileArgs) -> anyhow::Result<ExitCode> {
    let campaign = match args.campaign.parse() {
        Ok(number) => number,
        Err(_) => graphql::IdKind::Campaign.row("--campaign", &args.campaign.as_str().into())?,
    };
    let process = Process::join(Config::from_env()?).await?;
    let done = run_and_wait(
        &process,
        campaign,
        Duration::from_secs(args.timeout_seconds),
    )
    .await;
    process.close().await?;
    let (total, progress) = done?;
    println!(
        "{total} claims: {} checked, {} without an answer of their platform",
        progress.completed, progress.failed
    );
    let complete = progress.completed == total;
    let left = total - progress.completed - progress.failed;
    if left > 0 {
        eprintln!(
            "{left} claims were not checked within {} s; their checks stay queued",
            args.timeout_seconds
        );
    }
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Begins a run and waits for its end. The jobs are done by whichever worker is there: this process has one as well.
async fn run_and_wait(
    process: &Process,
    campaign: i64,
    patience: Duration,
) -> anyhow::Result<(i64, RunProgress)> {
    let stop = CancellationToken::new();
    let run = domain_run::begin_by_operator(&process.app, campaign).await?;
    let waiting = async {
        let begun = tokio::time::Instant::now();
        let progress = loop {
            let rows = domain_run::progress(&process.app, &[run.id]).await;
            let progress = rows?.pop().unwrap_or_default();
            if progress.completed + progress.failed >= run.total || begun.elapsed() > patience {
                break progress;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        Ok::<_, anyhow::Error>(progress)
    };
    let work = process.work(stop.clone());
    let waited = async {
        let waited = waiting.await;
        stop.cancel();
        waited
    };
    let (waited, ()) = tokio::join!(waited, work);
    Ok((run.total, waited?))
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let stop = stop_signal();
    // An address that is taken is found out before a database is started.
    let address = config::listen_address(args.listen)?;
    let listener = listen(address).await?;
    let process = Process::open(Config::from_env()?).await?;
    tracing::info!(%address, worker = !args.no_worker, "serving");
    let served = if args.no_worker {
        process.serve(listener, stop).await
    } else {
        let serving = async {
            let served = process.serve(listener, stop.clone()).await;
            // A server that cannot serve takes its worker with it.
            stop.cancel();
            served
        };
        let (served, ()) = tokio::join!(serving, process.work(stop.clone()));
        served
    };
    process.close().await?;
    served
}

/// A token that is cancelled by Ctrl-C or SIGTERM. A second signal ends the process at once.
fn stop_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping");
        stopped.cancel();
        wait_for_signal().await;
        tracing::warn!("stopping at once");
        std::process::exit(130);
    });
    stop
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
