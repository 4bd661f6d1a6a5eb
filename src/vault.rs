//! Secrets at rest: what must be read again (webhook secrets, platform credentials) is kept encrypted.
//!
//! AES-256-GCM under a key that is not in the database: from `COUNTERSIGN_ENCRYPTION_KEYS`, or a file in the data folder that
//! is made where there is none. What is encrypted is bound to its place and its key, so that it cannot be moved to another
//! row. The first key encrypts, all of them decrypt: a key is changed by putting a new one first, running `countersign admin
//! reencrypt`, and taking the old one away.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::{KeyError, load_or_create_private, random, sha256};
use crate::model::Secret;

/// Bytes of a key.
const KEY_LENGTH: usize = 32;

/// A key cannot be used, or a secret cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The keys are not what they must be.
    #[error(
        "each encryption key must be an id of 1 to 64 letters, digits, dots, hyphens and underscores, a colon, and 32 \
         bytes in base64, such as `openssl rand -base64 32` prints; several are separated by commas, and no id comes twice"
    )]
    Keys,
    /// The file of the key cannot be used, or the random source failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It was encrypted under a key that is not here.
    #[error("a secret is encrypted under the key {0:?}, which is not among the encryption keys")]
    UnknownKey(String),
    /// It was altered, or moved from another place.
    #[error("a secret cannot be decrypted: it was altered, or its key is not the one of that id")]
    Altered,
}

/// An encrypted secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Under which key.
    pub key_id: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// The encryption keys.
pub struct Vault {
    keys: Vec<(String, LessSafeKey)>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<&str> = self.keys.iter().map(|(id, _)| id.as_str()).collect();
        f.debug_struct("Vault").field("keys", &ids).finish()
    }
}

impl Vault {
    /// The keys of a setting: `id:base64`, several separated by commas, the first of which encrypts.
    ///
    /// # Errors
    /// It is not of that form.
    pub fn parse(setting: &Secret) -> Result<Self, VaultError> {
        let mut keys: Vec<(String, LessSafeKey)> = Vec::new();
        for part in setting.expose().split(',').map(str::trim) {
            let (id, text) = part.split_once(':').ok_or(VaultError::Keys)?;
            let id_fits = (1..=64).contains(&id.len())
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            if !id_fits || keys.iter().any(|(known, _)| known == id) {
                return Err(VaultError::Keys);
            }
            let bytes = STANDARD.decode(text).map_err(|_| VaultError::Keys)?;
            keys.push((id.to_owned(), key(&bytes)?));
        }
        Ok(Self { keys })
    }

    /// The key in a file, which is made where it is not there yet.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not a key.
    pub fn load_or_create(path: &Path) -> Result<Self, VaultError> {
        let key = random::<KEY_LENGTH>()?;
        // Two servers that made a key each and share a database are told apart by these ids.
        let id = hex::encode(&sha256(&key)[..4]);
        let draft = Secret::new(format!("file-{id}:{}", STANDARD.encode(key)));
        let text = load_or_create_private(path, &draft)?;
        Self::parse(&Secret::new(text.expose().trim()))
    }

    /// The id of the key that encrypts.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.keys.first().map_or("", |(id, _)| id)
    }

    /// Encrypts a secret for a place, such as `webhook_secrets.sealed of advertiser 7`.
    ///
    /// # Errors
    /// The random source failed.
    pub fn seal(&self, place: &str, secret: &Secret) -> Result<Sealed, VaultError> {
        let (key_id, key) = self.keys.first().ok_or(VaultError::Keys)?;
        // Random nonces of 96 bits are safe for some 2^32 secrets under one key.
        let nonce = random::<NONCE_LEN>()?;
        let mut text = secret.expose().as_bytes().to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound_to(place, key_id)),
            &mut text,
        )
        .map_err(|_| VaultError::Altered)?;
        let mut bytes = nonce.to_vec();
        bytes.extend(text);
        Ok(Sealed {
            key_id: key_id.clone(),
            bytes,
        })
    }

    /// Decrypts what was encrypted for a place.
    ///
    /// # Errors
    /// The key is not here, or what is there is not what was encrypted for this place.
    pub fn open(&self, place: &str, key_id: &str, bytes: &[u8]) -> Result<Secret, VaultError> {
        let (_, key) = self
            .keys
            .iter()
            .find(|(id, _)| id == key_id)
            .ok_or_else(|| VaultError::UnknownKey(key_id.to_owned()))?;
        let (nonce, sealed) = bytes
            .split_at_checked(NONCE_LEN)
            .ok_or(VaultError::Altered)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Altered)?;
        let mut text = sealed.to_vec();
        let text = key
            .open_in_place(nonce, Aad::from(bound_to(place, key_id)), &mut text)
            .map_err(|_| VaultError::Altered)?;
        String::from_utf8(text.to_vec())
            .map(Secret::new)
            .map_err(|_| VaultError::Altered)
    }
}

fn key(bytes: &[u8]) -> Result<LessSafeKey, VaultError> {
    UnboundKey::new(&AES_256_GCM, bytes)
        .map(LessSafeKey::new)
        .map_err(|_| VaultError::Keys)
}

/// What is encrypted holds only here: in its place, under its key.
fn bound_to(place: &str, key_id: &str) -> String {
    format!("{place} under {key_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(ids: &[&str]) -> Vault {
        let keys: Vec<String> = ids
            .iter()
            .map(|id| format!("{id}:{}", STANDARD.encode([id.as_bytes()[0]; KEY_LENGTH])))
            .collect();
        Vault::parse(&Secret::new(keys.join(","))).unwrap()
    }

    #[test]
    fn a_secret_comes_back_in_its_place_and_nowhere_else() {
        let vault = vault(&["a"]);
        let sealed = vault.seal("orders of 7", &Secret::new("s3cret")).unwrap();
        assert_eq!(sealed.key_id, "a");
        assert!(
            !sealed.bytes.windows(6).any(|part| part == b"s3cret"),
            "it is not encrypted"
        );
        let opened = vault.open("orders of 7", "a", &sealed.bytes).unwrap();
        assert_eq!(opened.expose(), "s3cret");
        let elsewhere = vault.open("orders of 8", "a", &sealed.bytes);
        assert!(matches!(elsewhere, Err(VaultError::Altered)));
        for at in 0..sealed.bytes.len() {
            let mut bytes = sealed.bytes.clone();
            bytes[at] ^= 1;
            assert!(vault.open("orders of 7", "a", &bytes).is_err(), "byte {at}");
        }
        assert!(vault.open("orders of 7", "a", &[]).is_err());
    }

    #[test]
    fn the_same_secret_is_never_encrypted_alike() {
        let vault = vault(&["a"]);
        let secret = Secret::new("s3cret");
        let first = vault.seal("here", &secret).unwrap();
        assert_ne!(first, vault.seal("here", &secret).unwrap());
    }

    #[test]
    fn a_new_key_goes_first_and_the_old_one_still_opens() {
        let old = vault(&["a"]);
        let sealed = old.seal("here", &Secret::new("s3cret")).unwrap();
        let both = vault(&["b", "a"]);
        assert_eq!(both.key_id(), "b");
        assert_eq!(
            both.open("here", "a", &sealed.bytes).unwrap().expose(),
            "s3cret"
        );
        let new = vault(&["b"]).open("here", "a", &sealed.bytes);
        assert!(matches!(new, Err(VaultError::UnknownKey(id)) if id == "a"));
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        let good = STANDARD.encode([1; KEY_LENGTH]);
        let short = STANDARD.encode([1; 16]);
        for setting in [
            String::new(),
            good.clone(),
            format!(":{good}"),
            format!("a b:{good}"),
            format!("a:{short}"),
            "a:no".to_owned(),
            format!("a:{good},a:{good}"),
            format!("a:{good},"),
        ] {
            assert!(
                Vault::parse(&Secret::new(setting.as_str())).is_err(),
                "{setting}"
            );
        }
    }

    #[test]
    fn a_key_file_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("encryption-key");
        let first = Vault::load_or_create(&path).unwrap();
        let sealed = first.seal("here", &Secret::new("s3cret")).unwrap();
        let again = Vault::load_or_create(&path).unwrap();
        assert!(again.open("here", &sealed.key_id, &sealed.bytes).is_ok());
    }
}
