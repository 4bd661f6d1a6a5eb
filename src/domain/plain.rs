//! Texts that people typed, in messages that other people read.

use url::Url;

/// Whether a character breaks a line, or changes how the text around it is shown: control characters (C0 and C1), the line and
/// paragraph separators, and what embeds, overrides or isolates the direction of writing.
pub(super) fn is_unruly(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// The beginning of a text, of at most so many UTF-16 units, since receivers may count some characters that are one here as
/// two. An ellipsis stands for what is cut off.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut length = 1;
    let mut short: String = text
        .chars()
        .take_while(|character| {
            length += character.len_utf16();
            length <= most
        })
        .collect();
    short.push('…');
    short
}

/// A link that somebody gave, for a message of Discord: in angle brackets it is a link to its last character, formats nothing
/// and shows no preview. What cannot stand in them, or was given without its beginning, is spelled as a browser reads it; none
/// where that cannot either.
pub(super) fn bracketed(link: &str) -> Option<String> {
    one_address(link).map(|address| format!("<{address}>"))
}

/// A link that somebody gave, for a message whose reader looks for links by itself: one to its last character, by the rules of
/// [`bracketed`]; where it cannot be, without what may end it.
pub(super) fn unbroken(link: &str) -> String {
    one_address(link).unwrap_or_else(|| {
        let kept = link
            .chars()
            .filter(|character| is_of_an_address(*character));
        kept.collect()
    })
}

fn one_address(link: &str) -> Option<String> {
    if is_one_address(link) {
        return Some(link.to_owned());
    }
    let read = if link.contains("://") {
        Url::parse(link)
    } else {
        Url::parse(&format!("https://{link}"))
    };
    read.ok()
        .map(String::from)
        .filter(|address| is_one_address(address))
}

fn is_of_an_address(character: char) -> bool {
    character.is_ascii_graphic() && !matches!(character, '<' | '>' | '"' | '`' | '\\')
}

fn is_one_address(link: &str) -> bool {
    let is_address = ["http://", "https://"].iter().any(|scheme| {
        link.get(..scheme.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    });
    is_address && link.chars().all(is_of_an_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_in_the_units_that_messages_are_counted_in() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        // Outside of the basic plane a character is two units.
        assert_eq!(cut("a😀😀", 4), "a😀…");
        assert_eq!(cut("😀😀", 4), "😀😀");
    }

    #[test]
    fn a_link_is_shown_as_it_was_given_where_it_ends_at_its_bracket() {
        for (given, shown) in [
            (
                "https://www.instagram.com/reel/a_b*c_d/?igsh=x&y=[1](2)|@here",
                Some("<https://www.instagram.com/reel/a_b*c_d/?igsh=x&y=[1](2)|@here>"),
            ),
            ("HTTPS://redd.it/1skjxta", Some("<HTTPS://redd.it/1skjxta>")),
            ("redd.it/1skjxta", Some("<https://redd.it/1skjxta>")),
            ("https://x.com/a/status/1?t=<@1>\u{202e}\"`", None),
            (
                "https://www.reddit.com/r/a/comments/1/<b>\u{202e}é",
                Some("<https://www.reddit.com/r/a/comments/1/%3Cb%3E%E2%80%AE%C3%A9>"),
            ),
            ("no link", None),
            ("javascript://x", None),
        ] {
            assert_eq!(bracketed(given).as_deref(), shown, "{given}");
        }
    }

    #[test]
    fn an_unbroken_link_holds_nothing_that_ends_it() {
        for (given, shown) in [
            (
                "https://redd.it/1skjxta?a=(b)*c_d",
                "https://redd.it/1skjxta?a=(b)*c_d",
            ),
            ("redd.it/1skjxta", "https://redd.it/1skjxta"),
            (
                "https://www.instagram.com/p/X/?x=<https://evil.example>\u{202e}",
                "https://www.instagram.com/p/X/?x=%3Chttps://evil.example%3E%E2%80%AE",
            ),
            (
                "https://x.com/a/status/1?t=` <@1>\u{202e}\"",
                "https://x.com/a/status/1?t=@1",
            ),
        ] {
            assert_eq!(unbroken(given), shown, "{given}");
        }
    }

    #[test]
    fn what_turns_or_breaks_a_text_is_unruly_and_writing_is_not() {
        for character in
            "\0\n\u{1b}\u{7f}\u{85}\u{9f}\u{2028}\u{2029}\u{202a}\u{202e}\u{2066}\u{2069}".chars()
        {
            assert!(is_unruly(character), "{character:?}");
        }
        for character in "a é\u{5d0}\u{200d}\u{200f}\u{2027}\u{202f}\u{2065}\u{206a}😀".chars() {
            assert!(!is_unruly(character), "{character:?}");
        }
    }
}
