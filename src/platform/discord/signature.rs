//! What Discord signs: the time as it stands in its header, and after it the body, byte by byte.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

/// Whether a signature of 128 hexadecimal digits is that of the timestamp and the body by the key.
pub(super) fn holds(key: &[u8; 32], signature: &str, timestamp: &str, body: &[u8]) -> bool {
    let Ok(signature) = hex::decode(signature) else {
        return false;
    };
    let message = [timestamp.as_bytes(), body].concat();
    UnparsedPublicKey::new(&ED25519, key)
        .verify(&message, &signature)
        .is_ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::Value;

    use super::*;
    use crate::platform::stub::recorded;

    /// A published request and whether its signature holds.
    struct Vector {
        name: &'static str,
        key: [u8; 32],
        signature: String,
        timestamp: String,
        body: Vec<u8>,
        valid: bool,
    }

    impl Vector {
        fn read(name: &'static str) -> Option<Self> {
            let vector: Value =
                serde_json::from_str(&recorded(&format!("discord/{name}"))?).unwrap();
            let text = |field: &str| vector[field].as_str().unwrap().to_owned();
            let body = match vector["body_file"].as_str() {
                Some(file) => recorded(&format!("discord/{file}")).unwrap(),
                None => text("body"),
            };
            Some(Self {
                name,
                key: hex::decode(text("public_key_hex"))
                    .unwrap()
                    .try_into()
                    .unwrap(),
                signature: text("x-signature-ed25519"),
                timestamp: text("x-signature-timestamp"),
                body: body.into_bytes(),
                valid: vector["expect_valid"].as_bool().unwrap(),
            })
        }

        fn holds(&self) -> bool {
            holds(&self.key, &self.signature, &self.timestamp, &self.body)
        }
    }

    #[test]
    fn published_signatures_hold_and_altered_ones_do_not() {
        for name in [
            "TehGM__Discord.Interactions.AspNetCore__vector.json",
            "showengineer__rusty-interaction__badjson_valid_signature.headers.json",
            "showengineer__rusty-interaction__ping_valid.headers.json",
            "showengineer__rusty-interaction__ping_wrong_signature.headers.json",
            "showengineer__rusty-interaction__slash_command_valid.headers.json",
        ] {
            let Some(mut vector) = Vector::read(name) else {
                continue;
            };
            assert_eq!(vector.holds(), vector.valid, "{name}");
            if vector.valid {
                are_refused_when_altered(&mut vector);
            }
        }
    }

    fn are_refused_when_altered(vector: &mut Vector) {
        for at in 0..vector.body.len() {
            vector.body[at] ^= 1;
            assert!(!vector.holds(), "{}: byte {at} of the body", vector.name);
            vector.body[at] ^= 1;
        }
        let timestamp = vector.timestamp.clone();
        for other in [
            format!("{timestamp}0"),
            format!(" {timestamp}"),
            String::new(),
        ] {
            vector.timestamp = other;
            assert!(!vector.holds(), "{}: {:?}", vector.name, vector.timestamp);
        }
        vector.timestamp = timestamp;
        vector.key[0] ^= 1;
        assert!(!vector.holds(), "{}: another key", vector.name);
        vector.key[0] ^= 1;
        assert!(vector.holds(), "{}", vector.name);
    }

    #[test]
    fn a_signature_of_our_own_holds_whole_and_in_no_other_form() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let key: [u8; 32] = pair.public_key().as_ref().try_into().unwrap();
        let signed = hex::encode(pair.sign(b"1700000000{\"type\":1}").as_ref());
        let genuine = |signature: &str| holds(&key, signature, "1700000000", b"{\"type\":1}");
        assert!(genuine(&signed));
        assert!(genuine(&signed.to_uppercase()));
        let long = format!("{signed}00");
        let zeros = "0".repeat(128);
        for other in [
            "",
            "00",
            &signed[..126],
            &signed[1..],
            &long,
            &zeros,
            "signed",
        ] {
            assert!(!genuine(other), "{other:?}");
        }
        // Discord signs no border between the two, so a shifted one holds: it is the time that is then
        // too far from now.
        assert!(holds(&key, &signed, "170000000", b"0{\"type\":1}"));
    }
}
