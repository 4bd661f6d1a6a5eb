//! The parameters of one GraphQL request, as they come in a body, in a query string or in a
//! `subscribe` message.
//!
//! They are checked by hand, not by deriving, so that a client reads which parameter is wrong and
//! what it should be. The sentence that says so is the error.

use async_graphql::{Request, Value as GraphqlValue, Variables};
use serde_json::{Map, Value};
use url::form_urlencoded;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Params {
    /// The document.
    pub query: String,
    /// The operation in the document that is meant.
    pub operation_name: Option<String>,
    /// Values for the operation's variables.
    pub variables: Map<String, Value>,
    /// Anything else the client sent along.
    pub extensions: Map<String, Value>,
}

impl Params {
    /// Reads a request from a parsed body.
    pub(super) fn from_json(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(fields) => Self::from_fields(fields),
            Value::Array(_) => Err(
                "Batches are not supported: send each request by itself, as one JSON object."
                    .to_owned(),
            ),
            other => Err(format!(
                "A request must be a JSON object, not {}.",
                kind_of(&other)
            )),
        }
    }

    /// Reads a request from the fields of a JSON object. Fields of other names are ignored.
    pub(super) fn from_fields(mut fields: Map<String, Value>) -> Result<Self, String> {
        let query = match fields.remove("query") {
            Some(Value::String(query)) => query,
            Some(other) => {
                return Err(format!(
                    "`query` must be a string, not {}.",
                    kind_of(&other)
                ));
            }
            None => return Err("`query` is missing.".to_owned()),
        };
        let operation_name = match fields.remove("operationName") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) => Some(name),
            Some(other) => {
                return Err(format!(
                    "`operationName` must be a string, not {}.",
                    kind_of(&other)
                ));
            }
        };
        Ok(Self {
            query,
            operation_name,
            variables: map(fields.remove("variables"), "variables")?,
            extensions: map(fields.remove("extensions"), "extensions")?,
        })
    }

    /// Reads a request from the query string of a GET: `variables` and `extensions` are JSON.
    pub(super) fn from_query_string(text: &str) -> Result<Self, String> {
        let mut fields = Map::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let value = match &*name {
                "query" | "operationName" => Value::String(value.into_owned()),
                "variables" | "extensions" => serde_json::from_str(&value)
                    .map_err(|error| format!("`{name}` is not valid JSON: {error}."))?,
                _ => continue,
            };
            if fields.insert(name.to_string(), value).is_some() {
                return Err(format!("`{name}` is given twice."));
            }
        }
        Self::from_fields(fields)
    }

    /// The request for the executor.
    pub(super) fn into_request(self) -> Request {
        let mut request = Request::new(self.query);
        request.operation_name = self.operation_name;
        request.variables = Variables::from_json(Value::Object(self.variables));
        request.extensions.0 = self
            .extensions
            .into_iter()
            .filter_map(|(name, value)| Some((name, GraphqlValue::from_json(value).ok()?)))
            .collect();
        request
    }
}

fn map(value: Option<Value>, name: &str) -> Result<Map<String, Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(other) => Err(format!(
            "`{name}` must be a JSON object, not {}.",
            kind_of(&other)
        )),
    }
}

/// The kind of a JSON value, for a sentence.
pub(super) const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_means_absent_for_every_parameter_but_the_query() {
        let given =
            json!({"query": "{a}", "operationName": null, "variables": null, "extensions": null});
        let params = Params::from_json(given).unwrap();
        assert_eq!(
            params,
            Params::from_json(json!({"query": "{a}", "unknown": 1})).unwrap()
        );
        assert_eq!(params.operation_name, None);
        assert!(params.variables.is_empty() && params.extensions.is_empty());
        assert!(Params::from_json(json!({"query": null})).is_err());
    }

    #[test]
    fn a_parameter_of_the_wrong_kind_is_named() {
        for wrong in [json!(0), json!(false), json!(["a"])] {
            for name in ["query", "operationName", "variables", "extensions"] {
                let mut request = json!({"query": "{a}"});
                request[name] = wrong.clone();
                let error = Params::from_json(request).unwrap_err();
                assert!(
                    error.contains(name) && error.contains(kind_of(&wrong)),
                    "{error}"
                );
            }
        }
        assert!(Params::from_json(json!({"query": "{a}", "variables": "x"})).is_err());
        assert!(Params::from_json(json!({"query": {"obj": "ect"}})).is_err());
    }

    #[test]
    fn a_batch_is_refused_by_name() {
        let error = Params::from_json(json!([{"query": "{a}"}])).unwrap_err();
        assert!(error.starts_with("Batches are not supported"), "{error}");
        assert!(
            Params::from_json(json!("query"))
                .unwrap_err()
                .contains("a string")
        );
    }

    #[test]
    fn a_query_string_carries_every_parameter() {
        let params = Params::from_query_string(
            "query=query+A%7Ba%7D&operationName=A&variables=%7B%22n%22%3A1%7D&extensions=null&x=y",
        )
        .unwrap();
        assert_eq!(params.query, "query A{a}");
        assert_eq!(params.operation_name.as_deref(), Some("A"));
        assert_eq!(Value::Object(params.variables), json!({"n": 1}));
        assert!(params.extensions.is_empty());
    }

    #[test]
    fn a_bad_query_string_is_refused() {
        for text in [
            "",
            "query=a&query=b",
            "query=a&variables=",
            "query=a&variables=[1]",
        ] {
            assert!(Params::from_query_string(text).is_err(), "for {text:?}");
        }
    }

    #[test]
    fn the_executor_gets_what_the_client_sent() {
        let given = json!({
            "query": "query A($n: Int) { a(n: $n) }",
            "operationName": "A",
            "variables": {"n": 9_007_199_254_740_993_u64},
            "extensions": {"trace": "x"},
        });
        let request = Params::from_json(given).unwrap().into_request();
        assert_eq!(request.query, "query A($n: Int) { a(n: $n) }");
        assert_eq!(request.operation_name.as_deref(), Some("A"));
        let n = request.variables.get("n").unwrap();
        assert_eq!(*n, GraphqlValue::from(9_007_199_254_740_993_u64));
        assert_eq!(request.extensions.0["trace"], GraphqlValue::from("x"));
    }
}
