//! Counts the tokens and the nesting of a document before the parser sees it.
//!
//! The parser recurses once for each bracket of a value or a type, without a limit, and 200,000
//! brackets fit into a body. A block string that never ends makes it start over at each quote.
//! Both are refused here, by a scan that knows no more of the grammar than strings, comments and
//! brackets.

use async_graphql::ServerError;

use super::super::graphql_error::{GRAPHQL_PARSE_FAILED, coded};
use super::super::transport::Limits;
use super::too_complex;

const TRIPLE_QUOTE: &[u8] = b"\"\"\"";

/// Checks the number of tokens and the depth of brackets.
pub(super) fn scan(query: &str, limits: &Limits) -> Result<(), ServerError> {
    let bytes = query.as_bytes();
    let mut at = 0;
    let mut tokens = 0;
    let mut nesting = 0_usize;
    while let Some(&byte) = bytes.get(at) {
        at = match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b',' => {
                at += 1;
                continue;
            }
            b'#' => {
                at = end_of_line(bytes, at);
                continue;
            }
            b'"' => end_of_string(bytes, at)?,
            _ if bytes[at..].starts_with(b"...") => at + 3,
            _ if is_word(byte) => at + bytes[at..].iter().take_while(|b| is_word(**b)).count(),
            _ => at + 1,
        };
        match byte {
            b'{' | b'[' | b'(' => nesting += 1,
            b'}' | b']' | b')' => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        tokens += 1;
        if tokens > limits.tokens {
            return Err(too_complex(format!(
                "A document may have at most {} tokens.",
                limits.tokens
            )));
        }
        if nesting > limits.nesting {
            return Err(too_complex(format!(
                "Brackets may be nested at most {} deep.",
                limits.nesting
            )));
        }
    }
    Ok(())
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn end_of_line(bytes: &[u8], from: usize) -> usize {
    let rest = &bytes[from..];
    from + rest
        .iter()
        .position(|byte| matches!(byte, b'\r' | b'\n'))
        .unwrap_or(rest.len())
}

/// The place after the string that begins at `from`.
fn end_of_string(bytes: &[u8], from: usize) -> Result<usize, ServerError> {
    if bytes[from..].starts_with(TRIPLE_QUOTE) {
        return end_of_block_string(bytes, from + TRIPLE_QUOTE.len())
            .ok_or_else(|| coded(GRAPHQL_PARSE_FAILED, "A block string does not end."));
    }
    let mut at = from + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok(at + 1),
            // The parser stops here too: a string ends on its line.
            b'\r' | b'\n' => return Ok(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Ok(bytes.len())
}

fn end_of_block_string(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        if bytes[at..].starts_with(TRIPLE_QUOTE) {
            return Some(at + TRIPLE_QUOTE.len());
        }
        let escapes = byte == b'\\' && bytes[at + 1..].starts_with(TRIPLE_QUOTE);
        at += if escapes { 1 + TRIPLE_QUOTE.len() } else { 1 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::graphql_error::{QUERY_TOO_COMPLEX, code_of};
    use super::*;

    fn scanned(query: &str, tokens: usize, nesting: usize) -> Result<(), String> {
        let limits = Limits {
            tokens,
            nesting,
            ..Limits::default()
        };
        scan(query, &limits).map_err(|error| code_of(&error).unwrap().to_owned())
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let query = "query A($n: [Int!]) { b: c(d: $n, e: \"f g\") ...F } # not { these\n";
        assert_eq!(scanned(query, 27, 64), Ok(()));
        assert_eq!(scanned(query, 26, 64), Err(QUERY_TOO_COMPLEX.to_owned()));
    }

    #[test]
    fn brackets_in_strings_and_comments_are_no_nesting() {
        let query = "{ a(b: \"[[ \\\" [[\", c: \"\"\"[[ \\\"\"\" [[\"\"\", d: \"\") } # [[[[";
        assert_eq!(scanned(query, 100, 2), Ok(()));
        assert_eq!(
            scanned("{ a(b: [1]) }", 100, 2),
            Err(QUERY_TOO_COMPLEX.to_owned())
        );
    }

    #[test]
    fn nesting_is_refused_before_the_parser_recurses() {
        let query = format!("{{ a(b: {}", "[".repeat(200_000));
        assert_eq!(
            scanned(&query, usize::MAX, 64),
            Err(QUERY_TOO_COMPLEX.to_owned())
        );
        let query = format!("query($a: {}", "[".repeat(200_000));
        assert_eq!(
            scanned(&query, usize::MAX, 64),
            Err(QUERY_TOO_COMPLEX.to_owned())
        );
    }

    #[test]
    fn a_block_string_that_does_not_end_is_refused() {
        let query = format!("{{ a(b: \"\"\" {}", "\\\"\"\"\"\" ".repeat(10));
        assert_eq!(
            scanned(&query, 100, 64),
            Err(GRAPHQL_PARSE_FAILED.to_owned())
        );
    }

    #[test]
    fn a_document_that_ends_anywhere_is_scanned_without_panic() {
        let query = "{ a(b: \"\\\"x\", c: \"\"\"y\\\"\"\"\"\"\") ...F # é\n}";
        for end in (0..=query.len()).filter(|end| query.is_char_boundary(*end)) {
            let outcome = scanned(&query[..end], 100, 64);
            assert!(outcome.is_ok() || outcome == Err(GRAPHQL_PARSE_FAILED.to_owned()));
        }
    }
}
