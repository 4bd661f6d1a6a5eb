//! Resident memory of the server, as Linux tells it; elsewhere there is nothing to tell.

use std::time::Duration;

use super::options::Options;
use super::program::Server;
use super::report::{Line, Report, Target};
use super::stage::Stage;
use super::submissions::round;

/// After this a server that has nothing to do has settled.
const SETTLES: Duration = Duration::from_secs(5);

/// Measures a server with its worker that has nothing to do, and the most of one that takes submissions.
pub async fn measure(stage: &Stage, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let mut idle = Line::new(
        "memory_idle",
        "Memory of an idle server, MiB",
        "none",
        Target::AtMost(64.0),
    );
    let mut loaded = Line::new(
        "memory_loaded",
        "The most under submissions, MiB",
        "none",
        Target::None,
    );
    for _ in 0..options.rounds() {
        let database = stage.postgres.copy(&stage.template).await?;
        let server = Server::start(&stage.environment(&database), true, &stage.results).await?;
        tokio::time::sleep(SETTLES).await;
        let resident = server.resident_mib();
        server.stop().await?;
        stage.postgres.remove(database).await?;
        let peak = round(stage, options).await?.peak_mib;
        let (Some(resident), Some(peak)) = (resident, peak) else {
            report.progress("this system does not tell the memory of a process in /proc");
            return Ok(());
        };
        report.progress(&format!("{resident:.1} MiB idle, {peak:.1} MiB at most"));
        idle.add(resident, None);
        loaded.add(peak, None);
    }
    report.add(idle);
    report.add(loaded);
    Ok(())
}
