//! Turns the URL that an affiliate pasted into the one post it names, or says why it names none.
//!
//! A post counts once, so every spelling of one post must become one link. What a platform ignores
//! (sharing parameters, slugs, mobile hosts, the letter case of hosts) is dropped, and the
//! canonical URL is built anew from parts that were checked; nothing is cut out of what was pasted.
//! Parsing the canonical URL gives the same platform, target and canonical URL again.
//!
//! The parser is pure and opens nothing. Where the post's id does not stand in the URL,
//! [`LinkTarget`] says who can tell it: the platform's web server or its API.
//!
//! It fails with a [`LinkRefusal`], whose text is for the affiliate, and panics on no input.

use chrono::{DateTime, Utc};
use url::Url;

use crate::model::PlatformKind;

pub mod instagram;
mod meta;
mod reddit;
mod tiktok;
pub mod x;
mod youtube;

#[cfg(test)]
mod tests;

/// The longest text that is read, in bytes, without the white space around it.
const MAX_BYTES: usize = 2048;

/// The longest token of a short or share link, in bytes. Those seen have 8 to 40.
const MAX_TOKEN: usize = 128;

/// What a link is that leads to the platform, but to nothing known by a name of its own.
const NO_POST: &str =
    "not that of a post: open the post and paste the link that its share button gives";

/// One post on one platform, as its link names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostLink {
    /// Where the post was published.
    pub platform: PlatformKind,
    /// The one spelling of this link, without tracking parameters. Equal for every spelling of a
    /// post whose id stands in the URL; a redirect or permalink may still lead to a post that has
    /// another canonical URL.
    pub canonical_url: String,
    /// What is known of the post's id.
    pub target: LinkTarget,
    /// The handle of the account in the URL, lower-case and without `@`; only Instagram, X and
    /// `TikTok` put one there, and not in every link. It is a claim: X and `TikTok` open the post
    /// under any handle.
    pub account: Option<String>,
}

/// How a link leads to the platform's own id of the post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkTarget {
    /// The id stands in the URL.
    Post {
        /// The id that the platform's API takes, or for Instagram the shortcode that its API lists.
        native_id: String,
    },
    /// A short or share link, which only the platform's web server can resolve.
    Redirect,
    /// The link names the post, but not by an id that the API takes: it is found by listing the
    /// posts of the page and comparing their links.
    Permalink,
}

/// Why a text is not a post link, as a sentence that the affiliate can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefusal {
    /// Not an `http` or `https` URL as a browser's address bar would show it.
    #[error("This is not a web address: paste the whole link of the post, from https:// on.")]
    NotAUrl,
    /// Over 2048 bytes.
    #[error("This link is longer than {MAX_BYTES} bytes: paste the link of the post alone.")]
    TooLong,
    /// A URL of somewhere else.
    #[error(
        "{host} is not an address of Reddit, Instagram, Facebook, YouTube, TikTok or X: paste the \
         link of the post on one of these."
    )]
    UnknownHost {
        /// The host in its ASCII form, so that look-alike letters show; with the port, where it is
        /// not the scheme's own.
        host: String,
    },
    /// A URL of a platform that does not name a post there.
    #[error("This {} link is {what}.", brand(*.platform))]
    NotAPost {
        /// The platform that the URL leads to.
        platform: PlatformKind,
        /// What it is instead and what to paste, to be read after "This link is".
        what: &'static str,
    },
}

impl PostLink {
    /// Reads a pasted link.
    ///
    /// White space around it is dropped, and a link without a scheme is read as `https`. Only the
    /// platforms' own hosts are taken, on the scheme's own port and without user information.
    pub fn parse(text: &str) -> Result<Self, LinkRefusal> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(LinkRefusal::TooLong);
        }
        if text.chars().any(is_no_part_of_an_address) {
            return Err(LinkRefusal::NotAUrl);
        }
        let text = with_scheme(text).ok_or(LinkRefusal::NotAUrl)?;
        let pasted_host = pasted_host(&text).ok_or(LinkRefusal::NotAUrl)?;
        let url = Url::parse(&text).map_err(|_| LinkRefusal::NotAUrl)?;
        let host = without_dot(url.host_str().ok_or(LinkRefusal::NotAUrl)?);
        let platform = platform_of(host)
            .filter(|_| url.port().is_none())
            .ok_or_else(|| {
                let host = url
                    .port()
                    .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
                LinkRefusal::UnknownHost { host }
            })?;
        // Full-width letters, invisible characters and percent-encoding can spell a platform's
        // host, but no share button writes it so.
        if !without_dot(pasted_host).eq_ignore_ascii_case(host) {
            return Err(LinkRefusal::NotAUrl);
        }

        let segments: Vec<String> = url
            .path_segments()
            .into_iter()
            .flatten()
            .map(percent_decode)
            .filter(|segment| !segment.is_empty())
            .collect();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let address = Address {
            host,
            path: &path,
            url: &url,
        };
        match platform {
            PlatformKind::Reddit => reddit::read(&address),
            PlatformKind::Instagram => instagram::read(&address),
            PlatformKind::Meta => meta::read(&address),
            PlatformKind::YouTube => youtube::read(&address),
            PlatformKind::TikTok => tiktok::read(&address),
            PlatformKind::X => x::read(&address),
        }
    }

    /// Whether finding the post may take a token: a permalink is found by listing its page's posts,
    /// and a share link of Facebook may lead to one.
    pub fn may_need_access(&self) -> bool {
        match &self.target {
            LinkTarget::Permalink => true,
            LinkTarget::Redirect => self.platform == PlatformKind::Meta,
            LinkTarget::Post { .. } => false,
        }
    }

    /// The platform's own id of the post, where it stands in the link.
    pub fn native_id(&self) -> Option<&str> {
        match &self.target {
            LinkTarget::Post { native_id } => Some(native_id),
            LinkTarget::Redirect | LinkTarget::Permalink => None,
        }
    }

    fn post(platform: PlatformKind, native_id: &str, canonical_url: String) -> Self {
        let target = LinkTarget::Post {
            native_id: native_id.to_owned(),
        };
        Self {
            platform,
            canonical_url,
            target,
            account: None,
        }
    }

    fn redirect(platform: PlatformKind, canonical_url: String) -> Self {
        Self {
            platform,
            canonical_url,
            target: LinkTarget::Redirect,
            account: None,
        }
    }

    fn permalink(platform: PlatformKind, canonical_url: String) -> Self {
        Self {
            platform,
            canonical_url,
            target: LinkTarget::Permalink,
            account: None,
        }
    }

    fn with_account(mut self, handle: Option<&str>) -> Self {
        self.account = handle.map(str::to_ascii_lowercase);
        self
    }
}

/// When the post with this id was published, where the id alone says so: on X and `TikTok`. A shortcode of Instagram tells
/// when the media was uploaded, which may be long before; the other ids tell nothing.
pub fn published_at(platform: PlatformKind, native_id: &str) -> Option<DateTime<Utc>> {
    match platform {
        PlatformKind::X => DateTime::from_timestamp_millis(x::created_at(native_id)?),
        PlatformKind::TikTok => DateTime::from_timestamp(tiktok::created_at(native_id)?, 0),
        PlatformKind::Reddit
        | PlatformKind::Instagram
        | PlatformKind::Meta
        | PlatformKind::YouTube => None,
    }
}

/// A URL whose host is known to be a platform's.
struct Address<'a> {
    /// Lower-case, without a trailing dot.
    host: &'a str,
    /// The segments of the path, percent-decoded, without empty ones.
    path: &'a [&'a str],
    url: &'a Url,
}

impl Address<'_> {
    /// The decoded value of a query parameter. `None` also where it occurs with two values: such a
    /// URL names two things, and which of them the platform would open is not ours to guess.
    fn query(&self, name: &str) -> Option<String> {
        let mut values = self
            .url
            .query_pairs()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value);
        let first = values.next()?;
        values
            .all(|value| value == first)
            .then(|| first.into_owned())
    }
}

/// The name under which people know a platform.
const fn brand(platform: PlatformKind) -> &'static str {
    match platform {
        PlatformKind::Reddit => "Reddit",
        PlatformKind::Instagram => "Instagram",
        PlatformKind::Meta => "Facebook",
        PlatformKind::YouTube => "YouTube",
        PlatformKind::TikTok => "TikTok",
        PlatformKind::X => "X",
    }
}

fn platform_of(host: &str) -> Option<PlatformKind> {
    PlatformKind::ALL
        .iter()
        .copied()
        .find(|platform| match platform {
            PlatformKind::Reddit => reddit::serves(host),
            PlatformKind::Instagram => instagram::serves(host),
            PlatformKind::Meta => meta::serves(host),
            PlatformKind::YouTube => youtube::serves(host),
            PlatformKind::TikTok => tiktok::serves(host),
            PlatformKind::X => x::serves(host),
        })
}

/// The text with a scheme in front; `None` where it has another one than `http` and `https`, or
/// cannot be a web address.
fn with_scheme(text: &str) -> Option<String> {
    let head = text.split(['/', '?', '#']).next()?;
    let tail = text.strip_prefix(head)?;
    match head.split_once(':') {
        Some((scheme, "")) if is_web(scheme) => tail.starts_with("//").then(|| text.to_owned()),
        Some((host, port)) if host.contains('.') && is_digits(port) => {
            Some(format!("https://{text}"))
        }
        Some(_) => None,
        None if head.is_empty() => tail.starts_with("//").then(|| format!("https:{text}")),
        None => head.contains('.').then(|| format!("https://{text}")),
    }
}

/// Whether no web address has this character as it is. A URL parser drops line breaks, reads `\` as
/// `/` and escapes others, and it is shown as it was pasted: what a person sees and what is read must
/// be the same thing. What ends a link in a text or turns the direction of writing would make it two.
fn is_no_part_of_an_address(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || matches!(character, '\\' | '<' | '>' | '"' | '`')
        // Format characters, which nobody sees.
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

fn is_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// The host as it was pasted, without the port; `None` where user information stands before it.
fn pasted_host(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.contains('@') {
        return None;
    }
    Some(
        authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host),
    )
}

fn without_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// Decodes `%41` to `A`. What is not an escape stays, and bytes that are not UTF-8 become U+FFFD,
/// which no part of a post link may contain.
fn percent_decode(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut escaped = [0_u8];
    let mut at = 0;
    while at < bytes.len() {
        if let [b'%', high, low, ..] = bytes[at..]
            && hex::decode_to_slice([high, low], &mut escaped).is_ok()
        {
            decoded.push(escaped[0]);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this is a number of 1 to `longest` digits, and then the number without leading zeros:
/// they do not make it another post. `None` for zero, which no platform gives out.
fn number(text: &str, longest: usize) -> Option<&str> {
    let number = text.trim_start_matches('0');
    (is_digits(text) && text.len() <= longest && !number.is_empty()).then_some(number)
}

/// The same for an id that has 63 bits, as those of X and `TikTok` have. `None` for a greater number, which names no post.
fn number_of_63_bits(text: &str) -> Option<&str> {
    number(text, 19).filter(|number| number.parse::<i64>().is_ok())
}

/// Whether this is 1 to `longest` of `A–Z a–z 0–9 - _`: safe to stand in a URL as it is.
fn is_token(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether this can be the name of an account or page: a token that may also have dots, though not
/// dots alone, which a URL parser reads as a step to another folder.
fn is_handle(text: &str) -> bool {
    is_token(&text.replace('.', "_"), 64) && text.bytes().any(|byte| byte != b'.')
}
