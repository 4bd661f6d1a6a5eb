//! Counts of a post, claimed or observed. A missing number is never zero.

use super::EvidenceGrade;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// How often the post was seen, in the campaign's definition.
    Views,
    /// How often its link was followed.
    Clicks,
    /// How many purchases followed.
    Conversions,
}

impl Metric {
    /// Every metric, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Views, Self::Clicks, Self::Conversions];

    /// The name under which this metric is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Views => "VIEWS",
            Self::Clicks => "CLICKS",
            Self::Conversions => "CONVERSIONS",
        }
    }

    /// The word for it inside a sentence.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Views => "views",
            Self::Clicks => "clicks",
            Self::Conversions => "conversions",
        }
    }
}

/// One value for each metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Metrics<T> {
    /// The value for views.
    pub views: T,
    /// The value for clicks.
    pub clicks: T,
    /// The value for conversions.
    pub conversions: T,
}

impl<T> Metrics<T> {
    /// The value of one metric.
    pub const fn get(&self, metric: Metric) -> &T {
        match metric {
            Metric::Views => &self.views,
            Metric::Clicks => &self.clicks,
            Metric::Conversions => &self.conversions,
        }
    }

    /// Makes a value for each metric.
    pub fn from_fn(mut make: impl FnMut(Metric) -> T) -> Self {
        Self {
            views: make(Metric::Views),
            clicks: make(Metric::Clicks),
            conversions: make(Metric::Conversions),
        }
    }

    /// Each metric with its value.
    pub fn iter(&self) -> impl Iterator<Item = (Metric, &T)> {
        Metric::ALL
            .into_iter()
            .map(|metric| (metric, self.get(metric)))
    }
}

impl Metrics<Observed> {
    /// Whether the platform gave a number for any of them, 0 included.
    #[must_use]
    pub fn has_number(&self) -> bool {
        self.iter()
            .any(|(_, observed)| matches!(observed, Observed::Reported { .. }))
    }
}

/// Whether a platform told a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Availability {
    /// A number, 0 included.
    Reported,
    /// Not this time: no permission, not yet computed, withheld.
    Unavailable,
    /// This platform never tells.
    Unsupported,
}

impl Availability {
    /// The name under which this value is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "REPORTED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unsupported => "UNSUPPORTED",
        }
    }
}

/// What a platform said of one metric of one post at one time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Observed {
    /// The platform gave a number.
    Reported {
        /// The number, 0 included.
        value: u64,
        /// What was counted, such as `instagram.views`. Numbers under different definitions do not accuse each other.
        definition: String,
        /// How strong the evidence is.
        grade: EvidenceGrade,
    },
    /// The platform did not say this time.
    Unavailable {
        /// Why, as a sentence.
        reason: String,
    },
    /// The platform never says.
    Unsupported {
        /// Why, as a sentence.
        reason: String,
    },
}

impl Observed {
    /// Whether there is a number.
    #[must_use]
    pub const fn availability(&self) -> Availability {
        match self {
            Self::Reported { .. } => Availability::Reported,
            Self::Unavailable { .. } => Availability::Unavailable,
            Self::Unsupported { .. } => Availability::Unsupported,
        }
    }

    /// The number, where there is one.
    #[must_use]
    pub const fn value(&self) -> Option<u64> {
        match self {
            Self::Reported { value, .. } => Some(*value),
            _ => None,
        }
    }
}
