//! Writing JSON by hand, because a hundred posts of some hundred keys each must cost microseconds.
//!
//! The writer places the commas; that braces are closed in order is up to its caller, and the tests
//! of each body parse what was written. It allocates for its buffer only.

/// A JSON document under construction.
pub(super) struct Json {
    out: Vec<u8>,
    comma: bool,
}

impl Json {
    /// An empty document with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Vec::with_capacity(capacity),
            comma: false,
        }
    }

    /// The bytes written so far.
    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn separate(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    fn open(&mut self, bracket: u8) {
        self.separate();
        self.out.push(bracket);
        self.comma = false;
    }

    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    /// Opens an object.
    pub(super) fn object(&mut self) {
        self.open(b'{');
    }

    /// Closes the innermost object.
    pub(super) fn end_object(&mut self) {
        self.close(b'}');
    }

    /// Opens an array.
    pub(super) fn array(&mut self) {
        self.open(b'[');
    }

    /// Closes the innermost array.
    pub(super) fn end_array(&mut self) {
        self.close(b']');
    }

    /// Writes a key; the next call writes its value.
    pub(super) fn key(&mut self, name: &str) {
        self.string(name);
        self.out.push(b':');
        self.comma = false;
    }

    /// Writes a string, escaped.
    pub(super) fn string(&mut self, text: &str) {
        self.separate();
        self.out.push(b'"');
        push_escaped(&mut self.out, text);
        self.out.push(b'"');
    }

    /// Writes a whole number.
    pub(super) fn number(&mut self, number: u64) {
        self.separate();
        self.out
            .extend_from_slice(Decimal::new(number).as_str().as_bytes());
    }

    /// Writes `text`, which must be JSON already.
    pub(super) fn raw(&mut self, text: &str) {
        self.separate();
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Writes a key and a string.
    pub(super) fn string_field(&mut self, name: &str, text: &str) {
        self.key(name);
        self.string(text);
    }

    /// Writes a key and a whole number.
    pub(super) fn number_field(&mut self, name: &str, number: u64) {
        self.key(name);
        self.number(number);
    }

    /// Writes a key and something that is JSON already.
    pub(super) fn raw_field(&mut self, name: &str, text: &str) {
        self.key(name);
        self.raw(text);
    }
}

/// Appends `text` with quotes, backslashes and control characters escaped.
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.push(hex_digit(byte >> 4));
                out.push(hex_digit(byte & 0x0f));
            }
            _ => out.push(byte),
        }
    }
}

const fn hex_digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' + value - 10
    }
}

/// Appends several pieces of a document whose shape is fixed.
pub(super) fn put(out: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// The decimal digits of a number, without an allocation.
pub(super) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    /// Renders `number`.
    pub(super) fn new(number: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut start = digits.len();
        let mut rest = number;
        while start > 0 {
            start -= 1;
            digits[start] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    /// The digits.
    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[self.start..]).unwrap_or("0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rendered_whole_from_zero_to_the_largest() {
        for number in [0, 7, 10, 99, 1_000, 18_446_744_073_709_551_615] {
            assert_eq!(Decimal::new(number).as_str(), number.to_string());
        }
    }

    #[test]
    fn what_is_written_parses_to_what_was_meant() {
        let mut json = Json::with_capacity(64);
        json.object();
        json.string_field("text", "a \"quote\", a \\ and\na \u{1} bell, ünï");
        json.key("list");
        json.array();
        json.number(1);
        json.raw("true");
        json.object();
        json.end_object();
        json.raw("null");
        json.end_array();
        json.number_field("last", 3);
        json.end_object();
        let value: serde_json::Value = serde_json::from_slice(&json.finish()).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "text": "a \"quote\", a \\ and\na \u{1} bell, ünï",
                "list": [1, true, {}, null],
                "last": 3
            })
        );
    }
}
