//! The problems of the X API: whole answers, and entries of `errors` beside what could be answered.

use super::answer::Answer;
use super::json::Json;

/// Where the types of problems are.
const TYPES: &str = "https://api.x.com/2/problems";

const UNAUTHORIZED: &str = "{\"title\":\"Unauthorized\",\"type\":\"about:blank\",\"status\":401,\
    \"detail\":\"Unauthorized\"}";
const TOO_MANY_REQUESTS: &str = "{\"title\":\"Too Many Requests\",\"detail\":\"Too Many Requests\",\
    \"type\":\"about:blank\",\"status\":429}";
const NOT_FOUND: &str = "{\"title\":\"Not Found\",\"detail\":\"Not Found\",\
    \"type\":\"about:blank\",\"status\":404}";

/// A token that is missing or refused.
pub(super) fn unauthorized() -> Answer {
    Answer::json(401, UNAUTHORIZED)
}

/// Nothing under this path.
pub(super) fn not_found() -> Answer {
    Answer::json(404, NOT_FOUND)
}

/// A used up rate limit of `limit` calls; `reset_s` is the unix time of the next window.
pub(super) fn too_many_requests(limit: u64, reset_s: i64) -> Answer {
    with_limit(Answer::json(429, TOO_MANY_REQUESTS), limit, 0, reset_s)
}

/// An answer with the headers of the rate limit; `reset_s` is the unix time of the next window.
pub(super) fn with_limit(answer: Answer, limit: u64, remaining: u64, reset_s: i64) -> Answer {
    answer
        .with_header("x-rate-limit-limit", limit.to_string())
        .with_header("x-rate-limit-remaining", remaining.to_string())
        .with_header("x-rate-limit-reset", reset_s.to_string())
}

/// A request with a parameter that cannot be.
pub(super) fn invalid(parameter: &str, value: &str, message: &str) -> Answer {
    let mut json = Json::with_capacity(512);
    json.object();
    json.key("errors");
    json.array();
    json.object();
    json.key("parameters");
    json.object();
    json.key(parameter);
    json.array();
    json.string(value);
    json.end_array();
    json.end_object();
    json.string_field("message", message);
    json.end_object();
    json.end_array();
    json.string_field("title", "Invalid Request");
    json.string_field(
        "detail",
        "One or more parameters to your request was invalid.",
    );
    json.string_field("type", &format!("{TYPES}/invalid-request"));
    json.end_object();
    Answer::json(400, json.finish())
}

/// Why a post, or a field of it, is not in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem<'a> {
    /// There is no such post.
    Missing,
    /// The post is protected.
    Protected,
    /// This field is for the author of the post, and within 30 days of its creation.
    Field(&'a str),
}

impl Problem<'_> {
    /// Writes the problem with a post as an entry of `errors`.
    pub(super) fn write(self, json: &mut Json, id: &str) {
        let (title, kind, detail) = match self {
            Problem::Missing => (
                "Not Found Error",
                "resource-not-found",
                format!("Could not find tweet with ids: [{id}]."),
            ),
            Problem::Protected => (
                "Authorization Error",
                "not-authorized-for-resource",
                format!("Sorry, you are not authorized to see the Tweet with ids: [{id}]."),
            ),
            Problem::Field(field) => (
                "Field Authorization Error",
                "not-authorized-for-field",
                format!(
                    "Sorry, you are not authorized to access '{field}' on the Tweet with ids : \
                     [{id}]."
                ),
            ),
        };
        json.object();
        json.string_field("resource_id", id);
        json.string_field("parameter", "ids");
        json.string_field("resource_type", "tweet");
        if let Problem::Field(field) = self {
            json.string_field("field", field);
        }
        if self != Problem::Missing {
            json.string_field("section", "data");
        }
        json.string_field("title", title);
        json.string_field("value", id);
        json.string_field("detail", &detail);
        json.string_field("type", &format!("{TYPES}/{kind}"));
        json.end_object();
    }
}
