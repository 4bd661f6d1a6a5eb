//! The arrows between the layers, held by reading the paths in the source.
//!
//! Whatever code of one root module names of another stands in it as `crate::name…` (or climbs there by `super`), so a
//! table of what each may name is all there is to check. A new root module needs a row in the table.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::Path;

/// What one root module may name.
struct Layer {
    name: &'static str,
    /// The other root modules.
    may: &'static [&'static str],
    /// Crates that it must not know.
    never: &'static [&'static [&'static str]],
}

const fn layer(
    name: &'static str,
    may: &'static [&'static str],
    never: &'static [&'static [&'static str]],
) -> Layer {
    Layer { name, may, never }
}

const HTTP: &[&str] = &["poem", "async_graphql_poem"];
const GRAPHQL: &[&str] = &["async_graphql"];
const STATEMENTS: &[&str] = &["diesel", "diesel_async"];
const QUEUE: &[&str] = &["sqlx", "sqlxmq"];
const CALLS: &[&str] = &["reqwest"];

/// The arrows of the design, and the small modules that the layers share.
#[rustfmt::skip]
const LAYERS: &[Layer] = &[
    layer("model", &[], &[HTTP, GRAPHQL, QUEUE, CALLS]),
    layer("db", &["model"], &[HTTP, GRAPHQL, QUEUE, CALLS]),
    layer("platform", &["model"], &[HTTP, GRAPHQL, STATEMENTS, QUEUE]),
    layer("domain", &["model", "db", "platform", "app", "clock", "config", "crypto", "error", "events", "vault"],
        &[HTTP, GRAPHQL, QUEUE, CALLS]),
    layer("jobs", &["model", "db", "platform", "domain", "app", "clock", "config", "error", "events"],
        &[HTTP, GRAPHQL, CALLS]),
    layer("graphql", &["model", "domain", "app", "error"], &[HTTP, STATEMENTS, QUEUE, CALLS]),
    layer("http", &["model", "domain", "graphql", "app", "clock", "config", "crypto", "error", "events"],
        &[STATEMENTS, QUEUE]),
    // The other side of the wire shares nothing with this one, or a mistake would hide behind itself.
    layer("simulator", &[], &[GRAPHQL, STATEMENTS, QUEUE, CALLS]),
    layer("embedded", &[], &[HTTP, GRAPHQL, STATEMENTS, CALLS]),
    layer("app", &["clock", "db", "domain", "events", "platform", "vault"], &[HTTP, GRAPHQL, QUEUE, CALLS]),
    layer("clock", &["db", "error"], &[HTTP, GRAPHQL, QUEUE, CALLS]),
    layer("config", &["model", "platform", "embedded"], &[HTTP, GRAPHQL, STATEMENTS, QUEUE, CALLS]),
    layer("crypto", &["model"], &[HTTP, GRAPHQL, STATEMENTS, QUEUE, CALLS]),
    layer("error", &["db"], &[HTTP, GRAPHQL, QUEUE, CALLS]),
    layer("events", &[], &[HTTP, GRAPHQL, STATEMENTS, QUEUE, CALLS]),
    layer("vault", &["crypto", "model"], &[HTTP, GRAPHQL, STATEMENTS, QUEUE, CALLS]),
    layer("telemetry", &[], &[HTTP, GRAPHQL, STATEMENTS, QUEUE, CALLS]),
];

/// What puts the process together and what stands on it. It may name everything, and nobody in the table may name it.
const OUTERMOST: &[&str] = &["lib", "main", "cli", "server", "demo"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `::`
    Colons,
    Mark(char),
}

/// The source without comments, texts and numbers.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        at += match rest {
            ['/', '/', ..] => up_to_line_end(rest),
            ['/', '*', ..] => block_comment(rest),
            ['"', ..] => text(rest),
            ['\'', ..] => character_or_lifetime(rest),
            [':', ':', ..] => {
                tokens.push(Token::Colons);
                2
            }
            [first, ..] if is_in_word(*first) => {
                let word: String = rest.iter().take_while(|c| is_in_word(**c)).collect();
                let length = word.chars().count();
                let raw = raw_text(&word, &rest[length..]);
                if raw.is_none() && !first.is_numeric() {
                    tokens.push(Token::Word(word));
                }
                length + raw.unwrap_or(0)
            }
            [mark, ..] => {
                if !mark.is_whitespace() {
                    tokens.push(Token::Mark(*mark));
                }
                1
            }
            [] => break,
        };
    }
    tokens
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn up_to_line_end(rest: &[char]) -> usize {
    rest.iter().position(|c| *c == '\n').unwrap_or(rest.len())
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn text(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

fn character_or_lifetime(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', _, after @ ..] => {
            let closing = after.iter().position(|c| *c == '\'').unwrap_or(0);
            3 + closing + 1
        }
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

/// How long a raw text is after its prefix, where there is one.
fn raw_text(prefix: &str, rest: &[char]) -> Option<usize> {
    if !matches!(prefix, "r" | "br" | "cr") {
        return None;
    }
    let hashes = rest.iter().take_while(|c| **c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', hashes));
    let begun = hashes + 1;
    let length = rest[begun..]
        .windows(end.len())
        .position(|window| window == end)?;
    Some(begun + length + end.len())
}

/// The first segments of the paths that begin here, each member of a group on its own.
fn heads(tokens: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut begins = true;
    for token in tokens {
        match token {
            Token::Mark('{') => depth += 1,
            Token::Mark('}') => {
                depth = depth.saturating_sub(1);
            }
            Token::Mark(',') if depth == 1 => begins = true,
            Token::Word(word) if begins && depth <= 1 => {
                found.push(word.clone());
                begins = false;
            }
            // A glob of everything names everything.
            Token::Mark('*') if begins => {
                found.push("*".to_owned());
                begins = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// How deep in the crate a file's module is: `graphql/mod.rs` 1, `graphql/post.rs` 2.
fn depth_of(path: &str) -> usize {
    let parts = path.split('/').count();
    if path.ends_with("/mod.rs") {
        parts - 1
    } else {
        parts
    }
}

/// The root modules that the file names.
fn named(path: &str, tokens: &[Token]) -> Vec<String> {
    let is = |at: usize, word: &str| tokens.get(at) == Some(&Token::Word(word.to_owned()));
    let colons = |at: usize| tokens.get(at) == Some(&Token::Colons);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is(at, "crate") && colons(at + 1) {
            found.extend(heads(&tokens[at + 2..]));
            at += 2;
        } else if is(at, "super") && colons(at + 1) {
            let mut climbed = 0;
            while is(at, "super") && colons(at + 1) {
                climbed += 1;
                at += 2;
            }
            // A module inside the file may climb once more to get as far, so only names of layers count.
            if climbed >= depth_of(path) {
                let known = |head: &String| {
                    LAYERS.iter().any(|layer| layer.name == head)
                        || OUTERMOST.contains(&head.as_str())
                };
                found.extend(heads(&tokens[at..]).into_iter().filter(known));
            }
        } else {
            at += 1;
        }
    }
    found
}

/// The crates that the file names, in the `use` of one or in a path that begins with it.
fn crates<'a>(tokens: &[Token], of: &[&'a str]) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        let is_path = tokens.get(at + 1) == Some(&Token::Colons);
        let is_use = before == Some(&Token::Word("use".to_owned()));
        if before != Some(&Token::Colons)
            && (is_path || is_use)
            && let Some(name) = of.iter().find(|name| **name == word.as_str())
        {
            found.push(*name);
        }
    }
    found
}

/// What is wrong with a file, whose path is that below `src`.
fn violations(path: &str, source: &str) -> Vec<String> {
    let own = path
        .split('/')
        .next()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned();
    if OUTERMOST.contains(&own.as_str()) {
        return Vec::new();
    }
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == own) else {
        return vec![format!("{path}: {own} has no row in the table of layers")];
    };
    let tokens = tokens(source);
    let mut wrong: Vec<String> = named(path, &tokens)
        .into_iter()
        .filter(|name| *name != own && !layer.may.contains(&name.as_str()))
        .map(|name| format!("{path}: {own} must not use {name}"))
        .collect();
    for name in crates(&tokens, &layer.never.concat()) {
        wrong.push(format!("{path}: {own} must not know the crate {name}"));
    }
    wrong
}

fn visit(folder: &Path, root: &Path, wrong: &mut Vec<String>, seen: &mut usize) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, root, wrong, seen);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            wrong.extend(violations(name, &fs::read_to_string(&path).unwrap()));
            *seen += 1;
        }
    }
}

#[test]
fn every_layer_names_only_those_that_the_design_lets_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    let mut seen = 0;
    visit(&root, &root, &mut wrong, &mut seen);
    assert!(seen > 100, "only {seen} files were read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The values that a file gives to fields named `definition`, as they stand there.
fn written_definitions(source: &str) -> Vec<&str> {
    source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("definition: "))
        .collect()
}

/// The sources of the adapters below a folder, without their tests.
fn adapters(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if name == "tests" {
            continue;
        }
        if path.is_dir() {
            adapters(&path, sources);
        } else {
            sources.push(fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn no_adapter_reports_a_figure_under_a_definition_of_its_own_making() {
    let mut sources = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    adapters(&root.join("src/platform"), &mut sources);
    let written: Vec<&str> = sources
        .iter()
        .flat_map(|source| written_definitions(source))
        .collect();
    assert!(written.len() >= 7, "{written:?}");
    // A text that stands in an adapter is not in the table that campaigns choose from.
    let own: Vec<&&str> = written.iter().filter(|value| value.contains('"')).collect();
    assert!(own.is_empty(), "{own:?}");
}

#[test]
fn an_arrow_in_the_wrong_direction_is_found_however_it_is_written() {
    for (path, source) in [
        ("model/enums.rs", "use crate::db;"),
        ("db/post.rs", "use crate::domain::access::Viewer;"),
        ("platform/http.rs", "fn f() { crate::db::post::find(); }"),
        ("domain/post.rs", "use crate::graphql::Schema;"),
        ("domain/post.rs", "use poem::web::Json;"),
        ("domain/post.rs", "use async_graphql::Object;"),
        ("domain/post.rs", "fn f(job: &sqlxmq::CurrentJob) {}"),
        ("domain/post.rs", "use sqlxmq;"),
        (
            "graphql/post.rs",
            "use crate::{\n    app::App,\n    db::{self, post},\n};",
        ),
        (
            "graphql/post.rs",
            "use crate::{domain::{access, read}, platform::link};",
        ),
        ("graphql/post.rs", "use super::super::db::post;"),
        ("graphql/mod.rs", "use super::{jobs, domain};"),
        ("graphql/post.rs", "use crate::*;"),
        ("graphql/post.rs", "use diesel::prelude::*;"),
        ("graphql/post.rs", "const X: char = '\"'; use crate::jobs;"),
        (
            "graphql/post.rs",
            "fn f<'a>(x: &'a str) {} use crate::http;",
        ),
        ("http/health.rs", "use crate::db::Pool;"),
        ("jobs/worker.rs", "use crate::http::routes;"),
        ("jobs/worker.rs", "use crate::server;"),
        ("simulator/reddit.rs", "use crate::platform::link;"),
        ("simulator/reddit.rs", "use crate::model::PlatformKind;"),
        ("embedded/mod.rs", "use crate::config::Config;"),
        ("error.rs", "use crate::domain;"),
        ("clock.rs", "use super::http;"),
        ("discord/mod.rs", "use std::fs;"),
    ] {
        assert_eq!(violations(path, source).len(), 1, "{path}: {source}");
    }
}

#[test]
fn what_only_looks_like_an_arrow_is_none() {
    for (path, source) in [
        ("graphql/post.rs", "// use crate::db;\n//! [`crate::db`]"),
        (
            "graphql/post.rs",
            "/* /* use crate::db; */ crate::jobs:: */",
        ),
        (
            "graphql/post.rs",
            "const X: &str = \"\\\" crate::db::post\";",
        ),
        (
            "graphql/post.rs",
            "const X: &str = r#\"\" crate::db::post\"#;",
        ),
        (
            "graphql/post.rs",
            "use crate::{app::App, domain::{db, jobs}};",
        ),
        ("graphql/post.rs", "use super::platform::Platform;"),
        ("graphql/post.rs", "pub(crate) fn f() { self::db::find() }"),
        ("graphql/post.rs", "use crate::graphql::http;"),
        ("domain/post.rs", "use crate::domain::poem::Verse;"),
        ("clock.rs", "mod tests { use super::*; }"),
        ("cli.rs", "use crate::{http, db, simulator};"),
    ] {
        assert_eq!(violations(path, source), Vec::<String>::new());
    }
}
