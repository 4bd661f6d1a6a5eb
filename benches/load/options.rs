//! What is measured and for how long.

use std::time::Duration;

/// Something to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Submissions a second over HTTP.
    Submissions,
    /// Checks a second, end to end.
    Reconciliations,
    /// The same behind a long queue.
    Backlog,
    /// From a submission to its alert.
    Alerts,
    /// A campaign's dashboard.
    Dashboard,
    /// Resident memory of the server.
    Memory,
}

impl Measure {
    const ALL: [Self; 6] = [
        Self::Submissions,
        Self::Reconciliations,
        Self::Backlog,
        Self::Alerts,
        Self::Dashboard,
        Self::Memory,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Submissions => "submissions",
            Self::Reconciliations => "reconciliations",
            Self::Backlog => "backlog",
            Self::Alerts => "alerts",
            Self::Dashboard => "dashboard",
            Self::Memory => "memory",
        }
    }
}

/// The arguments.
#[derive(Debug, Clone)]
pub struct Options {
    /// A first look: two rounds instead of five, and fewer of everything. Not to be quoted.
    pub quick: bool,
    /// In this order.
    pub measures: Vec<Measure>,
}

impl Options {
    /// Reads the arguments; none where there is nothing to do.
    ///
    /// # Errors
    /// An argument that is none.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let arguments: Vec<String> = arguments.collect();
        // `cargo bench` says --bench. Whoever runs all targets as tests does not, and gets no benchmark.
        if !arguments.iter().any(|argument| argument == "--bench") {
            eprintln!("load: a benchmark runs only when it is asked for: cargo bench");
            return Ok(None);
        }
        let mut quick = false;
        let mut measures = Vec::new();
        for argument in &arguments {
            let known = Measure::ALL
                .into_iter()
                .find(|measure| measure.name() == argument);
            match (argument.as_str(), known) {
                ("--bench", _) => {}
                ("--quick", _) => quick = true,
                (_, Some(measure)) => measures.push(measure),
                (name, None) => {
                    let names = Measure::ALL.map(Measure::name).join(", ");
                    return Err(format!(
                        "{name:?} is not a measure; there are {names}, and --quick"
                    ));
                }
            }
        }
        if measures.is_empty() {
            measures = Measure::ALL.to_vec();
        }
        Ok(Some(Self { quick, measures }))
    }

    /// How often each side is measured.
    pub const fn rounds(&self) -> usize {
        if self.quick { 2 } else { 5 }
    }

    /// How long submissions are counted in a round.
    pub const fn seconds(&self) -> Duration {
        Duration::from_secs(if self.quick { 3 } else { 8 })
    }

    /// How long submissions run before they are counted.
    pub const fn warm_up(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 2 })
    }

    /// Jobs that are drained in a round, a multiple of 200.
    pub const fn jobs(&self) -> i64 {
        if self.quick { 6_000 } else { 20_000 }
    }

    /// Jobs that still wait when the last one of a round is taken: behind a short queue and a long one.
    pub const fn backlogs(&self) -> (i64, i64) {
        (10_000, if self.quick { 100_000 } else { 1_000_000 })
    }

    /// Posts of the campaigns whose dashboards are compared.
    pub const fn campaigns(&self) -> (i64, i64) {
        (10_000, if self.quick { 100_000 } else { 1_000_000 })
    }

    /// How often a dashboard is asked for in a round.
    pub const fn views(&self) -> usize {
        if self.quick { 50 } else { 200 }
    }

    /// Over-claims that are followed to their alert.
    pub const fn alerts(&self) -> u32 {
        if self.quick { 100 } else { 500 }
    }
}
