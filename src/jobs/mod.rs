//! Takes queued jobs and does them.
//!
//! sqlxmq polls and hands jobs over; everything else is here: jobs on one platform are gathered so that one call asks for
//! many posts (`reconcile`), as long as its budget and its circuit allow (`circuit`) and in turns by campaign (`fair`), for as
//! long as it takes (`lease`), beside the opening of links that do not say which post it is (`links`), and what came of them is written by the batch (`writer`), with the removal of the jobs in the
//! same transaction. `worker` starts this, watches over it, and starts it anew when it stands still.

mod alert_delivery;
mod application;
mod asking;
mod circuit;
mod discord;
mod fair;
mod folder;
mod lease;
mod links;
mod reaper;
mod reconcile;
mod relay;
mod run;
mod worker;
mod writer;

pub use reaper::{prune, reap};
pub use relay::relay;
pub use worker::{Worker, WorkerOptions};
