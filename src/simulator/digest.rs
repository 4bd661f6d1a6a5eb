//! Deterministic choice: the same seed and the same text always give the same number.
//!
//! Everything that the simulator makes up is read out of these numbers, so nothing has to be stored
//! and two processes with one seed agree. They are well mixed but not secret: tokens built on them
//! keep nobody out.

/// Spreads the bits of `value` over all 64 (the finaliser of `SplitMix64`).
pub(super) const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The value that [`mix`] turned into `mixed`.
pub(super) const fn unmix(mixed: u64) -> u64 {
    let mut z = mixed ^ (mixed >> 31) ^ (mixed >> 62);
    // The inverses of the factors of `mix`, modulo 2^64.
    z = z.wrapping_mul(0x3196_42b2_d24d_8ec3);
    z = z ^ (z >> 27) ^ (z >> 54);
    z = z.wrapping_mul(0x96de_1b17_3f11_9089);
    z = z ^ (z >> 30) ^ (z >> 60);
    z.wrapping_sub(0x9e37_79b9_7f4a_7c15)
}

/// A number for `text` under `domain`; two domains never share a number for one text.
pub(super) fn digest(seed: u64, domain: &str, text: &str) -> u64 {
    let mut hash = mix(seed);
    for byte in domain
        .bytes()
        .chain(std::iter::once(0xff))
        .chain(text.bytes())
    {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// A number for `number` under `domain`.
pub(super) fn digest_number(seed: u64, domain: &str, number: u64) -> u64 {
    mix(digest(seed, domain, "") ^ mix(number))
}

/// The entry of `list` that `key` falls on. The list must not be empty.
pub(super) fn pick<T: Copy>(list: &[T], key: u64) -> T {
    let index = usize::try_from(key % list.len() as u64).unwrap_or(0);
    list[index]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_input_gives_the_same_number_and_another_one_does_not() {
        assert_eq!(digest(7, "reddit", "abc"), digest(7, "reddit", "abc"));
        assert_ne!(digest(7, "reddit", "abc"), digest(8, "reddit", "abc"));
        assert_ne!(digest(7, "reddit", "abc"), digest(7, "meta", "abc"));
        assert_ne!(digest(7, "a", "bc"), digest(7, "ab", "c"));
        assert_ne!(digest_number(7, "a", 1), digest_number(7, "a", 2));
    }

    #[test]
    fn what_was_mixed_can_be_told() {
        for value in [0, 1, 57, 1_793_491_200_000, u64::MAX] {
            assert_ne!(mix(value), value);
            assert_eq!(unmix(mix(value)), value);
        }
    }
}
