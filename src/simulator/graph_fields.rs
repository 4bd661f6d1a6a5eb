//! The `fields` language of the Graph API: names, modifiers and nested lists, such as
//! `id,insights.metric(a,b).period(lifetime),media.limit(2){id,permalink}`.

/// One field that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    modifiers: Vec<(&'a str, &'a str)>,
    /// The fields in braces, or in `.fields(…)`.
    pub(super) children: Vec<Field<'a>>,
}

impl<'a> Field<'a> {
    /// The text in the parentheses of a modifier.
    pub(super) fn modifier(&self, name: &str) -> Option<&'a str> {
        self.modifiers
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    /// The text in the parentheses of a modifier, as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.modifier(name)?.parse().ok()
    }

    /// The key under which the field is answered: its name, or what `.as(…)` says.
    pub(super) fn key(&self) -> &'a str {
        self.modifier("as").unwrap_or(self.name)
    }
}

/// Reads a list of fields; an empty text is an empty list, `None` means that it cannot be read.
pub(super) fn parse(text: &str) -> Option<Vec<Field<'_>>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let mut parser = Parser { text, at: 0 };
    let fields = parser.list()?;
    parser.skip_spaces();
    (parser.at == text.len()).then_some(fields)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn skip_spaces(&mut self) {
        while self.eat(b' ') {}
    }

    fn list(&mut self) -> Option<Vec<Field<'a>>> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            self.skip_spaces();
            if !self.eat(b',') {
                return Some(fields);
            }
        }
    }

    fn field(&mut self) -> Option<Field<'a>> {
        self.skip_spaces();
        let mut field = Field {
            name: self.word()?,
            modifiers: Vec::new(),
            children: Vec::new(),
        };
        loop {
            if self.eat(b'.') {
                let name = self.word()?;
                let value = self.parenthesised()?;
                if name == "fields" {
                    field.children = parse(value)?;
                } else {
                    field.modifiers.push((name, value));
                }
            } else if self.eat(b'{') {
                field.children = self.list()?;
                if !self.eat(b'}') {
                    return None;
                }
            } else {
                return Some(field);
            }
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            self.at += 1;
        }
        (self.at > start).then(|| &self.text[start..self.at])
    }

    /// What stands between the parentheses here; they may nest.
    fn parenthesised(&mut self) -> Option<&'a str> {
        if !self.eat(b'(') {
            return None;
        }
        let start = self.at;
        let mut depth = 1;
        loop {
            match self.peek()? {
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                // The byte before is a parenthesis, so both ends are at characters.
                return self.text.get(start..self.at - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_and_nested_lists_are_read() {
        let text =
            "id, insights.metric(a,b).period(lifetime),media.limit(2).after(Q){id,permalink}";
        let fields = parse(text).unwrap();
        assert_eq!(fields.len(), 3);
        assert_eq!(fields[1].modifier("metric"), Some("a,b"));
        assert_eq!(fields[1].modifier("period"), Some("lifetime"));
        assert_eq!(fields[2].number::<usize>("limit"), Some(2));
        assert_eq!(fields[2].modifier("after"), Some("Q"));
        let names: Vec<&str> = fields[2].children.iter().map(|field| field.name).collect();
        assert_eq!(names, ["id", "permalink"]);
    }

    #[test]
    fn braces_nest_and_an_alias_names_the_answer() {
        let text = "business_discovery.username(a.b_c){media{id}},reactions.type(LIKE).as(like)";
        let fields = parse(text).unwrap();
        assert_eq!(fields[0].modifier("username"), Some("a.b_c"));
        assert_eq!(fields[0].children[0].children[0].name, "id");
        assert_eq!((fields[1].name, fields[1].key()), ("reactions", "like"));
        assert_eq!(
            parse("media.fields(id,x.limit(1))").unwrap()[0]
                .children
                .len(),
            2
        );
    }

    #[test]
    fn what_is_not_closed_or_empty_between_commas_is_refused() {
        for text in ["a{b", "a.b(c", "a,,b", "a}", ".x(1)", "a.b"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(""), Some(Vec::new()));
    }
}
