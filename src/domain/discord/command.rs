//! The commands: what they are called, what options they have, and how what was given is read.
//!
//! One table says it, for Discord (when the commands are registered) and for reading what Discord delivers: what Discord
//! checks is checked again, and what is wrong is said in words.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::words::escaped;
use crate::domain::reconciliation::count;
use crate::model::MAX_COUNT;

/// What a member asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub(super) enum Command {
    /// Takes a post with a claim.
    Submit(Submit),
    /// Tells how posts stand.
    Status(Status),
}

/// The options of `/submit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Submit {
    /// The post's link.
    pub(super) url: String,
    /// The campaign's global id, or its name.
    pub(super) campaign: String,
    /// Views; none: not claimed.
    pub(super) views: Option<u64>,
    /// Clicks; none: not claimed.
    pub(super) clicks: Option<u64>,
    /// Conversions; none: not claimed.
    pub(super) conversions: Option<u64>,
    /// The poster's handle on the platform.
    pub(super) handle: Option<String>,
}

/// The options of `/status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Status {
    /// A post's link.
    pub(super) url: Option<String>,
    /// A post's global id.
    pub(super) post: Option<String>,
}

/// What an option holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A text of up to this many characters.
    Text(usize),
    /// A count.
    Count,
}

impl Kind {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text(most) => value.as_str().is_some_and(|text| {
                !text.trim().is_empty() && text.chars().count() <= most && !text.contains('\0')
            }),
            Self::Count => value.as_u64().is_some_and(|count| count <= MAX_COUNT),
        }
    }
}

/// What a value must be, after "must be".
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(most) => write!(f, "a text of 1 to {most} characters"),
            Self::Count => write!(f, "a whole number from 0 to {}", count(MAX_COUNT)),
        }
    }
}

/// One option.
#[derive(Debug)]
struct Choice {
    name: &'static str,
    kind: Kind,
    required: bool,
    description: &'static str,
}

/// One command.
#[derive(Debug)]
struct Form {
    name: &'static str,
    description: &'static str,
    /// Those that must be given come first, as Discord wants it.
    choices: &'static [Choice],
}

const URL: Kind = Kind::Text(2048);

const SUBMIT: Form = Form {
    name: "submit",
    description: "Submit a post to a campaign, with what you claim of it",
    choices: &[
        choice("url", URL, true, "The link of your post"),
        choice(
            "campaign",
            Kind::Text(200),
            true,
            "The campaign's name, or its id",
        ),
        choice("views", Kind::Count, false, "How often the post was seen"),
        choice(
            "clicks",
            Kind::Count,
            false,
            "How often its link was followed",
        ),
        choice(
            "conversions",
            Kind::Count,
            false,
            "How many purchases followed",
        ),
        choice(
            "handle",
            Kind::Text(100),
            false,
            "The account on the platform that posted it",
        ),
    ],
};

const STATUS: Form = Form {
    name: "status",
    description: "See how your latest posts stand, or one of them",
    choices: &[
        choice("url", URL, false, "The link of one of your posts"),
        choice(
            "post",
            Kind::Text(200),
            false,
            "The id of one of your posts",
        ),
    ],
};

const FORMS: [&Form; 2] = [&SUBMIT, &STATUS];

const fn choice(
    name: &'static str,
    kind: Kind,
    required: bool,
    description: &'static str,
) -> Choice {
    Choice {
        name,
        kind,
        required,
        description,
    }
}

/// The commands as Discord registers them.
#[must_use]
pub fn definitions() -> Value {
    FORMS
        .iter()
        .map(|form| {
            let options: Vec<Value> = form.choices.iter().map(definition).collect();
            json!({
                "type": 1, "name": form.name, "description": form.description, "options": options,
            })
        })
        .collect()
}

fn definition(choice: &Choice) -> Value {
    let mut option = json!({
        "name": choice.name, "description": choice.description, "required": choice.required,
    });
    match choice.kind {
        Kind::Text(most) => {
            option["type"] = json!(3);
            option["max_length"] = json!(most);
        }
        Kind::Count => {
            option["type"] = json!(4);
            option["min_value"] = json!(0);
            option["max_value"] = json!(MAX_COUNT);
        }
    }
    option
}

/// What there is to say of anything but a known command.
pub(super) fn only_commands() -> String {
    let names = FORMS.map(|form| format!("/{}", form.name));
    format!("Countersign takes the commands {}.", names.join(" and "))
}

impl Command {
    /// Reads the `data` of an interaction.
    ///
    /// # Errors
    /// Everything that is wrong, in words for the member.
    pub(super) fn parse(data: &Value) -> Result<Self, String> {
        let name = data["name"].as_str().unwrap_or_default();
        let form = FORMS
            .into_iter()
            .find(|form| form.name == name)
            .ok_or_else(|| {
                format!(
                    "There is no command /{} here. {}",
                    escaped(name),
                    only_commands()
                )
            })?;
        let given = Given::read(form, &data["options"])?;
        Ok(if form.name == SUBMIT.name {
            Self::Submit(Submit {
                url: given.text("url").unwrap_or_default(),
                campaign: given.text("campaign").unwrap_or_default(),
                views: given.count("views"),
                clicks: given.count("clicks"),
                conversions: given.count("conversions"),
                handle: given.text("handle"),
            })
        } else {
            Self::Status(Status {
                url: given.text("url"),
                post: given.text("post"),
            })
        })
    }
}

/// The options that were given, each of the kind that it must be.
struct Given<'a>(HashMap<&'static str, &'a Value>);

impl<'a> Given<'a> {
    fn read(form: &Form, options: &'a Value) -> Result<Self, String> {
        let mut given: HashMap<&'static str, &'a Value> = HashMap::new();
        let mut wrong = Vec::new();
        for option in options.as_array().into_iter().flatten() {
            let name = option["name"].as_str().unwrap_or_default();
            let Some(choice) = form.choices.iter().find(|choice| choice.name == name) else {
                wrong.push(format!("/{} has no option {}.", form.name, escaped(name)));
                continue;
            };
            if !choice.kind.fits(&option["value"]) {
                wrong.push(format!(
                    "The option {} must be {}.",
                    choice.name, choice.kind
                ));
            }
            given.insert(choice.name, &option["value"]);
        }
        for choice in form.choices {
            if choice.required && !given.contains_key(choice.name) {
                wrong.push(format!("The option {} is missing.", choice.name));
            }
        }
        if wrong.is_empty() {
            Ok(Self(given))
        } else {
            Err(wrong.join("\n"))
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        let text = self.0.get(name)?.as_str()?;
        Some(text.trim().to_owned())
    }

    fn count(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }
}
