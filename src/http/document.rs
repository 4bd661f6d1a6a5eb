//! Parses the document of a request once, and refuses one that would cost too much to look at.
//!
//! The library bounds depth and complexity, but only after work that a small document can make
//! huge: its parser recurses into values and scans unterminated strings again and again, and its
//! first check expands fragments without remembering them, so that thirty fragments which each
//! spread the next one twice cost 2^30 steps. What is counted here is counted in one pass.

mod scan;

use std::collections::HashMap;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationType, Selection, SelectionSet,
};
use async_graphql::parser::{self, parse_query};
use async_graphql::{Request, ServerError};

use super::graphql_error::{
    GRAPHQL_PARSE_FAILED, GRAPHQL_VALIDATION_FAILED, QUERY_TOO_COMPLEX, coded,
};
use super::params::Params;
use super::transport::Limits;

/// A request whose document was parsed and found within the limits.
pub(super) struct Prepared {
    /// The request, with its parsed document inside.
    pub request: Request,
    /// What the chosen operation is. None if the document does not have it, which the executor
    /// reports.
    pub operation: Option<OperationType>,
}

/// Parses and measures a document.
///
/// # Errors
/// One error with the code `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED` or
/// `QUERY_TOO_COMPLEX`.
pub(super) fn prepare(params: Params, limits: &Limits) -> Result<Prepared, ServerError> {
    scan::scan(&params.query, limits)?;
    let document = parse_query(&params.query).map_err(|error| parse_error(&error))?;
    measure(&document, limits)?;
    let operation = operation_type(&document.operations, params.operation_name.as_deref());
    let mut request = params.into_request();
    request.set_parsed_query(document);
    Ok(Prepared { request, operation })
}

fn parse_error(error: &parser::Error) -> ServerError {
    let code = match error {
        parser::Error::RecursionLimitExceeded => QUERY_TOO_COMPLEX,
        _ => GRAPHQL_PARSE_FAILED,
    };
    // The parser shows the line, which may hold a secret; its last line says what is wrong.
    let text = error.to_string();
    let message = text.rsplit("= ").next().unwrap_or_default().trim();
    let mut parse_error = coded(code, format!("Syntax error: {message}."));
    parse_error.locations = error.positions().collect();
    parse_error
}

fn too_complex(message: String) -> ServerError {
    coded(QUERY_TOO_COMPLEX, message)
}

fn operation_type(operations: &DocumentOperations, name: Option<&str>) -> Option<OperationType> {
    let operation = match (operations, name) {
        (DocumentOperations::Single(operation), None) => Some(operation),
        (DocumentOperations::Multiple(named), Some(name)) => named.get(name),
        (DocumentOperations::Multiple(named), None) if named.len() == 1 => named.values().next(),
        _ => None,
    };
    operation.map(|operation| operation.node.ty)
}

fn measure(document: &ExecutableDocument, limits: &Limits) -> Result<(), ServerError> {
    let mut measure = Measure {
        document,
        limits,
        fragments: HashMap::new(),
        aliases: 0,
        directives: 0,
    };
    let mut selections = 0;
    for (_, operation) in document.operations.iter() {
        let operation = &operation.node;
        measure.directives += operation.directives.len();
        let size = measure.selection_set(&operation.selection_set.node, 1)?;
        selections += size.selections;
        if size.root_fields > limits.root_fields {
            return Err(too_complex(format!(
                "An operation may select at most {} fields at its root.",
                limits.root_fields
            )));
        }
        // The library would run them all and mix their events.
        if operation.ty == OperationType::Subscription && size.root_fields > 1 {
            return Err(coded(
                GRAPHQL_VALIDATION_FAILED,
                "A subscription must select exactly one field at its root.",
            ));
        }
    }
    measure.check(selections)
}

/// What a selection set amounts to once its fragments are expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    selections: usize,
    /// Fields directly in this set, those of its fragments included.
    root_fields: usize,
}

struct Measure<'a> {
    document: &'a ExecutableDocument,
    limits: &'a Limits,
    /// None while the fragment is being measured.
    fragments: HashMap<&'a str, Option<Size>>,
    aliases: usize,
    directives: usize,
}

impl<'a> Measure<'a> {
    /// `depth` bounds the recursion: it is the depth of a path that execution would really take.
    fn selection_set(&mut self, set: &'a SelectionSet, depth: usize) -> Result<Size, ServerError> {
        if depth > self.limits.nesting {
            return Err(too_complex(format!(
                "Selections may be nested at most {} deep.",
                self.limits.nesting
            )));
        }
        let mut size = Size::default();
        for selection in &set.items {
            self.directives += selection.node.directives().len();
            let inner = match &selection.node {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.node.alias.is_some());
                    let inner = self.selection_set(&field.node.selection_set.node, depth + 1)?;
                    Size {
                        selections: inner.selections,
                        root_fields: 1,
                    }
                }
                Selection::InlineFragment(inline) => {
                    self.selection_set(&inline.node.selection_set.node, depth + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(spread.node.fragment_name.node.as_str(), depth + 1)?
                }
            };
            size.selections += inner.selections + 1;
            size.root_fields += inner.root_fields;
            self.check(size.selections)?;
        }
        Ok(size)
    }

    fn fragment(&mut self, name: &'a str, depth: usize) -> Result<Size, ServerError> {
        match self.fragments.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                return Err(coded(
                    GRAPHQL_VALIDATION_FAILED,
                    format!("Fragment \"{name}\" spreads itself."),
                ));
            }
            None => {}
        }
        // The executor reports a fragment that does not exist.
        let Some(fragment) = self.document.fragments.get(name) else {
            return Ok(Size::default());
        };
        self.fragments.insert(name, None);
        self.directives += fragment.node.directives.len();
        let size = self.selection_set(&fragment.node.selection_set.node, depth)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }

    fn check(&self, selections: usize) -> Result<(), ServerError> {
        let counts = [
            (
                selections,
                self.limits.selections,
                "selections once fragments are expanded",
            ),
            (self.aliases, self.limits.aliases, "aliases"),
            (self.directives, self.limits.directives, "directives"),
        ];
        match counts.into_iter().find(|(count, most, _)| count > most) {
            Some((_, most, what)) => Err(too_complex(format!(
                "A document may have at most {most} {what}."
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::super::graphql_error::code_of;
    use super::*;

    fn prepared(query: &str) -> Result<Option<OperationType>, String> {
        let params = Params::from_json(json!({ "query": query })).unwrap();
        match prepare(params, &Limits::default()) {
            Ok(prepared) => Ok(prepared.operation),
            Err(error) => Err(code_of(&error).unwrap().to_owned()),
        }
    }

    #[test]
    fn the_kind_of_the_operation_is_known_before_it_runs() {
        assert_eq!(prepared("{ a }"), Ok(Some(OperationType::Query)));
        assert_eq!(
            prepared("mutation A { a }"),
            Ok(Some(OperationType::Mutation))
        );
        assert_eq!(prepared("query A { a } mutation B { b }"), Ok(None));
        let named = json!({"query": "query A { a } mutation B { b }", "operationName": "B"});
        let prepared = prepare(Params::from_json(named).unwrap(), &Limits::default()).unwrap();
        assert_eq!(prepared.operation, Some(OperationType::Mutation));
    }

    #[test]
    fn a_document_that_is_not_graphql_is_a_parse_failure() {
        for query in ["", "{", "{ a", "query { }", "{ a(b: \"\"\"x) }", "no"] {
            assert_eq!(
                prepared(query),
                Err(GRAPHQL_PARSE_FAILED.to_owned()),
                "for {query:?}"
            );
        }
    }

    #[test]
    fn what_a_document_may_hold_is_bounded() {
        let repeated = |what: &str, times: usize| format!("{{ a {{ {} }} }}", what.repeat(times));
        for (what, most) in [("b: c ", 30), ("b @skip(if: $d) ", 50), ("b ", 1_999)] {
            assert!(
                prepared(&repeated(what, most)).is_ok(),
                "{most} times {what:?}"
            );
            let refused = prepared(&repeated(what, most + 1));
            assert_eq!(
                refused,
                Err(QUERY_TOO_COMPLEX.to_owned()),
                "more than {most} {what:?}"
            );
        }
    }

    #[test]
    fn fragments_do_not_hide_root_fields() {
        let query = |fields: usize| {
            format!(
                "{{ ...F ... {{ a }} }} fragment F on Query {{ {} }}",
                "a ".repeat(fields)
            )
        };
        assert!(prepared(&query(19)).is_ok());
        assert_eq!(prepared(&query(20)), Err(QUERY_TOO_COMPLEX.to_owned()));
    }

    #[test]
    fn fragments_that_double_each_other_are_refused_at_once() {
        let mut query = "{ ...F0 }".to_owned();
        for at in 0..40 {
            let next = at + 1;
            write!(
                query,
                " fragment F{at} on Query {{ ...F{next} ...F{next} }}"
            )
            .unwrap();
        }
        query += " fragment F40 on Query { a }";
        assert_eq!(prepared(&query), Err(QUERY_TOO_COMPLEX.to_owned()));
    }

    #[test]
    fn a_long_chain_of_fragments_is_too_deep() {
        let mut query = "{ ...F0 }".to_owned();
        for at in 0..1_000 {
            let next = at + 1;
            write!(query, " fragment F{at} on Query {{ ...F{next} }}").unwrap();
        }
        assert_eq!(prepared(&query), Err(QUERY_TOO_COMPLEX.to_owned()));
    }

    #[test]
    fn a_fragment_that_spreads_itself_does_not_fit_the_schema() {
        let query = "{ ...A } fragment A on Query { b { ...B } } fragment B on B { ...A }";
        assert_eq!(prepared(query), Err(GRAPHQL_VALIDATION_FAILED.to_owned()));
    }

    #[test]
    fn a_subscription_has_one_root_field() {
        assert!(prepared("subscription { a { b c } }").is_ok());
        let refused = prepared("subscription { a ...F } fragment F on Subscription { b }");
        assert_eq!(refused, Err(GRAPHQL_VALIDATION_FAILED.to_owned()));
    }
}
