//! Numbers as text in the alphabets of the platforms: ids, shortcodes and share tokens.

/// Reddit's ids.
pub(super) const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// Facebook's opaque post ids: no 0, O, I or l.
pub(super) const BASE58: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// Share tokens.
pub(super) const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Instagram's shortcodes.
pub(super) const BASE64_URL: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// `number` in `alphabet`, with leading zeros up to `width` characters (at least one is written).
pub(super) fn encode(alphabet: &[u8], number: u64, width: usize) -> String {
    let base = alphabet.len() as u64;
    let mut reversed = Vec::with_capacity(width.max(13));
    let mut rest = number;
    loop {
        let digit = usize::try_from(rest % base).unwrap_or(0);
        reversed.push(alphabet[digit]);
        rest /= base;
        if rest == 0 && reversed.len() >= width {
            break;
        }
    }
    reversed
        .iter()
        .rev()
        .map(|byte| char::from(*byte))
        .collect()
}

/// The number that `text` writes in `alphabet`; `None` where `text` is empty, has a character
/// outside the alphabet, or does not fit 64 bits.
pub(super) fn decode(alphabet: &[u8], text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let base = alphabet.len() as u64;
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = alphabet.iter().position(|candidate| *candidate == byte)?;
        number.checked_mul(base)?.checked_add(digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alphabet_gives_back_the_number_it_wrote() {
        for alphabet in [BASE36, BASE58, BASE62, BASE64_URL] {
            for number in [0, 1, 57, 4_096, 3_904_357_870, u64::MAX] {
                let text = encode(alphabet, number, 7);
                assert!(text.len() >= 7);
                assert_eq!(decode(alphabet, &text), Some(number), "{text}");
            }
        }
    }

    #[test]
    fn known_ids_are_read_as_the_platforms_read_them() {
        assert_eq!(decode(BASE36, "1skjxta"), Some(3_904_357_870));
        assert_eq!(
            decode(BASE64_URL, "B-fKL9qpeab"),
            Some(2_278_584_739_065_882_267)
        );
        assert_eq!(
            encode(BASE64_URL, 2_110_901_750_722_920_960, 0),
            "B1LbfVPlwIA"
        );
    }

    #[test]
    fn text_outside_the_alphabet_or_beyond_64_bits_is_no_number() {
        assert_eq!(decode(BASE36, ""), None);
        assert_eq!(decode(BASE36, "1SKJ"), None);
        assert_eq!(decode(BASE36, "zzzzzzzzzzzzzz"), None);
    }
}
