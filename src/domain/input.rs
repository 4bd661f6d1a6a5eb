//! Checks of what callers type. Each names the field that it is about.

use crate::error::{Refusal, RefusalCode};
use crate::model::DISCORD_ID_DIGITS;

/// Collects what is wrong with an input, so that a caller hears of everything at once.
#[derive(Debug, Default)]
pub struct Checks {
    refusals: Vec<Refusal>,
}

impl Checks {
    /// Adds a refusal.
    pub fn refuse(&mut self, code: RefusalCode, field: &str, message: impl Into<String>) {
        self.refusals.push(Refusal::field(code, field, message));
    }

    /// A text that must be there: white space around it is dropped, and 1 to `most` characters must be left.
    pub fn required_text(&mut self, field: &str, text: &str, most: usize) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.refuse(
                RefusalCode::Invalid,
                field,
                format!("{field} must not be empty"),
            );
        }
        self.text(field, text, most);
        text.to_owned()
    }

    /// A text that may be missing; one that is empty counts as missing.
    pub fn optional_text(
        &mut self,
        field: &str,
        text: Option<&str>,
        most: usize,
    ) -> Option<String> {
        let text = text.map(str::trim).filter(|text| !text.is_empty())?;
        self.text(field, text, most);
        Some(text.to_owned())
    }

    fn text(&mut self, field: &str, text: &str, most: usize) {
        if text.chars().count() > most {
            let message = format!("{field} must have at most {most} characters");
            self.refuse(RefusalCode::TooLong, field, message);
        }
        if text.contains('\0') {
            let message = format!("{field} must not contain the character U+0000");
            self.refuse(RefusalCode::Invalid, field, message);
        }
    }

    /// An e-mail address, in lower case.
    pub fn email(&mut self, field: &str, text: Option<&str>) -> Option<String> {
        let text = self.optional_text(field, text.map(str::to_lowercase).as_deref(), 254)?;
        let plausible = text.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.')
        });
        if !plausible
            || text.chars().any(|c| c.is_whitespace() || c.is_control())
            || text.matches('@').count() != 1
        {
            self.refuse(
                RefusalCode::Invalid,
                field,
                format!("{field} is not an e-mail address"),
            );
        }
        Some(text)
    }

    /// An address of the web.
    pub fn web_address(&mut self, field: &str, text: Option<&str>) -> Option<String> {
        let text = self.optional_text(field, text, 2048)?;
        let known =
            url::Url::parse(&text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !known {
            let message = format!("{field} must be an http or https address");
            self.refuse(RefusalCode::Invalid, field, message);
        }
        Some(text)
    }

    /// The id of a Discord user.
    pub fn discord_user_id(&mut self, field: &str, text: Option<&str>) -> Option<String> {
        // One that is too long is refused as that, and not a second time here.
        let id = self.optional_text(field, text, DISCORD_ID_DIGITS)?;
        if !id.bytes().all(|byte| byte.is_ascii_digit()) {
            let message =
                format!("{field} must be a Discord user id: up to {DISCORD_ID_DIGITS} digits");
            self.refuse(RefusalCode::Invalid, field, message);
        }
        Some(id)
    }

    /// A JSON value of at most `most_bytes`, without the character U+0000, which PostgreSQL cannot keep.
    pub fn json(&mut self, field: &str, value: Option<&serde_json::Value>, most_bytes: usize) {
        let Some(value) = value else { return };
        let text = value.to_string();
        if text.len() > most_bytes {
            let message = format!("{field} must have at most {most_bytes} bytes as JSON");
            self.refuse(RefusalCode::TooLong, field, message);
        }
        if has_nul(value) {
            let message = format!("{field} must not contain the character U+0000");
            self.refuse(RefusalCode::Invalid, field, message);
        }
    }

    /// The end of the checks.
    ///
    /// # Errors
    /// Everything that was refused.
    pub fn finish(self) -> Result<(), crate::error::Error> {
        if self.refusals.is_empty() {
            Ok(())
        } else {
            Err(crate::error::Error::Refused(self.refusals))
        }
    }
}

fn has_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(items) => items.iter().any(has_nul),
        serde_json::Value::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// The same value without the character U+0000, which PostgreSQL's jsonb refuses: what a platform sends must not be able
/// to keep its own answer from being stored.
#[must_use]
pub fn without_nul(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::String(text) if text.contains('\0') => {
            serde_json::Value::String(text.replace('\0', "\u{fffd}"))
        }
        serde_json::Value::Array(items) => items.into_iter().map(without_nul).collect(),
        serde_json::Value::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (key.replace('\0', "\u{fffd}"), without_nul(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn codes(checks: Checks) -> Vec<(RefusalCode, String)> {
        match checks.finish() {
            Err(Error::Refused(refusals)) => refusals
                .into_iter()
                .map(|r| (r.code, r.field.join(".")))
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_field() {
        let mut checks = Checks::default();
        checks.required_text("name", "  ", 10);
        checks.optional_text("title", Some("elf Zeichen"), 5);
        checks.optional_text("note", Some("a\0b"), 10);
        checks.email("email", Some("nobody"));
        checks.json("evidence", Some(&serde_json::json!({"k\0": 1})), 100);
        assert_eq!(
            codes(checks),
            [
                (RefusalCode::Invalid, "name".into()),
                (RefusalCode::TooLong, "title".into()),
                (RefusalCode::Invalid, "note".into()),
                (RefusalCode::Invalid, "email".into()),
                (RefusalCode::Invalid, "evidence".into()),
            ]
        );
    }

    #[test]
    fn lengths_are_counted_in_characters_of_any_script() {
        let mut checks = Checks::default();
        checks.required_text("name", "名前名前名", 5);
        assert_eq!(codes(checks), []);
    }
}
