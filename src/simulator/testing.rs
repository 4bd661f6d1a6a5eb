//! What the tests of several files need.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// A recorded answer; `None`, with a note, where the recordings are not beside this repository.
pub(super) fn fixture(path: &str) -> Option<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures").join(path);
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// The keys of an object.
pub(super) fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}
