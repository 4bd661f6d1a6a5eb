//! The command line.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::domain::account;
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
    /// Play the platforms: the wire formats of Reddit, Instagram and Meta with made-up posts.
    Simulate(SimulateArgs),
    /// Keys and accounts.
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
    /// Where to listen.
    #[arg(long, env = "COUNTERSIGN_LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
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

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Create a user with an API key and print the key, alone, on standard output.
    CreateKey {
        /// On whose behalf the user acts.
        #[arg(long, value_enum)]
        role: KeyRole,
    },
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

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let stop = stop_signal();
    // An address that is taken is found out before a database is started.
    let listener = listen(args.listen).await?;
    let process = Process::open(Config::from_env()?).await?;
    tracing::info!(address = %args.listen, worker = !args.no_worker, "serving");
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
