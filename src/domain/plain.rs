//! Texts that people typed, in messages that other people read.

/// Whether a character breaks a line, or changes how the text around it is shown: control characters (C0 and C1), the line and
/// paragraph separators, and what embeds, overrides or isolates the direction of writing.
pub(super) fn is_unruly(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

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
