//! What was measured: a table for people, a file for programs.

use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

/// What is to be told beside the results: names and values.
pub type Facts = Vec<(String, String)>;

/// What a figure is to reach.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// So much of the reference.
    RatioAtLeast(f64),
    /// No more than so many times the reference.
    RatioAtMost(f64),
    /// No more than this.
    AtMost(f64),
    /// Nothing is promised.
    None,
}

/// One figure, round by round.
#[derive(Debug)]
pub struct Line {
    name: String,
    title: String,
    reference: String,
    target: Target,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Line {
    /// A figure by its name in the file, its title in the table, what it is compared with, and what it is to reach.
    pub fn new(name: &str, title: &str, reference: &str, target: Target) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            reference: reference.to_owned(),
            target,
            ours: Vec::new(),
            theirs: Vec::new(),
        }
    }

    /// Adds a round.
    pub fn add(&mut self, ours: f64, theirs: Option<f64>) {
        self.ours.push(ours);
        self.theirs.extend(theirs);
    }

    /// Our median over the reference's.
    fn ratio(&self) -> Option<f64> {
        let theirs = median(&self.theirs).filter(|theirs| *theirs > 0.0)?;
        Some(median(&self.ours)? / theirs)
    }

    /// Whether the target is reached; none where there is none.
    fn reached(&self) -> Option<bool> {
        match self.target {
            Target::RatioAtLeast(least) => Some(self.ratio()? >= least),
            Target::RatioAtMost(most) => Some(self.ratio()? <= most),
            Target::AtMost(most) => Some(median(&self.ours)? <= most),
            Target::None => None,
        }
    }

    fn row(&self) -> String {
        let figure_of = |values: &[f64]| median(values).map_or_else(|| "–".to_owned(), figure);
        let ratio = self
            .ratio()
            .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        let target = match self.target {
            Target::RatioAtLeast(least) => format!("≥ {least:.2}"),
            Target::RatioAtMost(most) => format!("≤ {most:.2}"),
            Target::AtMost(most) => format!("≤ {most:.0}"),
            Target::None => "–".to_owned(),
        };
        let reached = match self.reached() {
            Some(true) => "ok",
            Some(false) => "MISSED",
            None => "",
        };
        let (ours, theirs) = (figure_of(&self.ours), figure_of(&self.theirs));
        format!(
            "{:<42} {ours:>10} {theirs:>10} {ratio:>7} {target:>8}  {reached:<6}  {}",
            self.title, self.reference
        )
    }

    fn json(&self) -> Value {
        let target = match self.target {
            Target::RatioAtLeast(least) => json!({ "ratio_at_least": least }),
            Target::RatioAtMost(most) => json!({ "ratio_at_most": most }),
            Target::AtMost(most) => json!({ "at_most": most }),
            Target::None => Value::Null,
        };
        json!({
            "name": self.name,
            "title": self.title,
            "median": median(&self.ours),
            "rounds": self.ours,
            "reference": {
                "title": self.reference,
                "median": median(&self.theirs),
                "rounds": self.theirs,
            },
            "ratio": self.ratio(),
            "target": target,
            "reached": self.reached(),
        })
    }
}

/// The middle one, or the mean of the two in the middle; none of nothing.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// A number with as many digits as it is worth.
fn figure(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

/// Everything that was measured.
#[derive(Debug)]
pub struct Report {
    quick: bool,
    facts: Facts,
    lines: Vec<Line>,
}

impl Report {
    /// An empty one.
    pub fn new(quick: bool, facts: Facts) -> Self {
        Self {
            quick,
            facts,
            lines: Vec::new(),
        }
    }

    /// Says how it goes.
    #[allow(clippy::unused_self, reason = "a report is what speaks")]
    pub fn progress(&self, text: &str) {
        println!("  {text}");
    }

    /// Adds a figure.
    pub fn add(&mut self, line: Line) {
        println!("{}", line.row());
        self.lines.push(line);
    }

    /// Prints the table and writes the file `load.json` into a folder.
    pub fn finish(&self, folder: &Path) -> anyhow::Result<()> {
        let facts: Vec<String> = self
            .facts
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        println!("\n{}", facts.join(", "));
        println!(
            "\n{:<42} {:>10} {:>10} {:>7} {:>8}  {:<6}  compared with",
            "medians", "here", "reference", "ratio", "target", ""
        );
        for line in &self.lines {
            println!("{}", line.row());
        }
        if self.quick {
            println!("\nA quick look: fewer rounds, fewer jobs, not to be quoted.");
        }
        let lines: Vec<Value> = self.lines.iter().map(Line::json).collect();
        let facts: serde_json::Map<String, Value> = self
            .facts
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        let whole = json!({ "quick": self.quick, "facts": facts, "measures": lines });
        let path = folder.join("load.json");
        std::fs::write(&path, format!("{whole:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
        println!("\nEvery round is in {}.", path.display());
        Ok(())
    }
}
