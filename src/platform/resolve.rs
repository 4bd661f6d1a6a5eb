//! Following short and share links to what they name.
//!
//! A link is opened as anybody would open it, without cookie or token, and never further than to
//! the next address that the parser of links knows: the answer's `Location` is read, not visited,
//! unless it is again a short link of the same platform. So nothing outside the platforms' own
//! hosts is ever asked. Where the operator plays a platform, its short links are asked at the
//! configured web address.

use reqwest::header::HeaderMap;
use url::Url;

use super::Resolved;
use super::config::{PlatformConfig, under};
use super::error::PlatformError;
use super::http::{Http, header, status_error};
use super::link::{LinkRefusal, LinkTarget, PostLink};
use crate::model::PlatformKind;

/// How many links are opened one after another before giving up.
const HOPS: usize = 5;

/// Where a short link leads.
#[derive(Debug, Clone)]
pub(super) enum Followed {
    /// To a link of the same platform that is no short link.
    Link(PostLink),
    /// To nothing that is still there.
    Gone {
        /// Why, as a sentence.
        reason: String,
    },
    /// To something else than a post of the same platform.
    NotAPost {
        /// Why, as a sentence.
        reason: String,
    },
}

/// What one answer says about the link that was opened.
#[derive(Debug)]
enum Step {
    Done(Followed),
    Again(PostLink),
}

/// Finds the post behind a link of a platform whose links hold the id or are short ones. `no_post` is
/// the sentence on a link that names something else.
pub(super) async fn find_post(
    http: &Http,
    config: &PlatformConfig,
    link: &PostLink,
    no_post: &str,
) -> Result<Resolved, PlatformError> {
    let no_post = || Resolved::NotAPost {
        reason: no_post.to_owned(),
    };
    match &link.target {
        LinkTarget::Post { .. } => return Ok(Resolved::Post(link.clone())),
        LinkTarget::Permalink => return Ok(no_post()),
        LinkTarget::Redirect => {}
    }
    Ok(match follow(http, config, link).await? {
        Followed::Link(found) if found.native_id().is_some() => Resolved::Post(found),
        Followed::Link(_) => no_post(),
        Followed::Gone { reason } => Resolved::Gone { reason },
        Followed::NotAPost { reason } => Resolved::NotAPost { reason },
    })
}

/// Follows a short link.
pub(super) async fn follow(
    http: &Http,
    config: &PlatformConfig,
    link: &PostLink,
) -> Result<Followed, PlatformError> {
    let mut link = link.clone();
    for _ in 0..HOPS {
        let address = address_of(config, &link)?;
        let answer = http.send_beside(http.get(address.clone())).await?;
        let web = Web {
            config,
            kind: link.platform,
        };
        match step(answer.status, &answer.headers, &address, web)? {
            Step::Done(followed) => return Ok(followed),
            Step::Again(next) => link = next,
        }
    }
    Ok(not_a_post(format!(
        "This link is redirected more than {HOPS} times."
    )))
}

/// The platform whose links are followed, and where its web site is.
#[derive(Clone, Copy)]
struct Web<'a> {
    config: &'a PlatformConfig,
    kind: PlatformKind,
}

/// Where to ask for a link: at its own host, or under the web address that the operator set in its
/// place.
fn address_of(config: &PlatformConfig, link: &PostLink) -> Result<Url, PlatformError> {
    let url = Url::parse(&link.canonical_url)
        .map_err(|_| PlatformError::refused("the link is not an address"))?;
    if !plays(config, link.platform) {
        return Ok(url);
    }
    let mut address = under(&config.web_url, url.path());
    address.set_query(url.query());
    Ok(address)
}

/// Whether the operator has put another web site in the place of the platform's.
fn plays(config: &PlatformConfig, kind: PlatformKind) -> bool {
    config.operator_set_hosts && config.web_url != PlatformConfig::defaults(kind).web_url
}

/// Reads the answer to a link that was opened at `asked`.
fn step(
    status: u16,
    headers: &HeaderMap,
    asked: &Url,
    web: Web<'_>,
) -> Result<Step, PlatformError> {
    if matches!(status, 404 | 410) {
        let reason = "The platform no longer knows this link.".to_owned();
        return Ok(Step::Done(Followed::Gone { reason }));
    }
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        // A page in the place of a redirect is a consent form or a check for robots; another time
        // it may redirect.
        return Err(status_error(status, headers, "").unwrap_or_else(|| {
            PlatformError::unreachable("the link shows a page and no redirect")
        }));
    }
    let target = header(headers, "location")
        .and_then(|location| asked.join(location).ok())
        .ok_or_else(|| PlatformError::unreachable("a redirect without a readable Location"))?;
    let target = as_public(&target, web);
    if is_login(&target) {
        return match behind_login(&target) {
            Some(target) => read(&target, web),
            None => Err(PlatformError::refused(
                "the platform asks to log in to open the link",
            )),
        };
    }
    read(&target, web)
}

fn read(target: &Url, web: Web<'_>) -> Result<Step, PlatformError> {
    match PostLink::parse(target.as_str()) {
        Ok(link) if link.platform != web.kind => {
            let reason = format!("This link leads to another platform ({}).", link.platform);
            Ok(Step::Done(not_a_post(reason)))
        }
        Ok(link) => Ok(match link.target {
            LinkTarget::Redirect => Step::Again(link),
            LinkTarget::Post { .. } | LinkTarget::Permalink => Step::Done(Followed::Link(link)),
        }),
        Err(LinkRefusal::UnknownHost { host }) => Ok(Step::Done(not_a_post(format!(
            "This link leads to {host}."
        )))),
        Err(LinkRefusal::NotAPost { what, .. }) => Ok(Step::Done(not_a_post(format!(
            "This link leads to another one, which is {what}."
        )))),
        Err(LinkRefusal::NotAUrl | LinkRefusal::TooLong) => Err(PlatformError::unreachable(
            "the link is redirected to what is no address",
        )),
    }
}

/// The address as people would see it: one at the web site that the operator set becomes one at the
/// platform's own.
fn as_public(target: &Url, web: Web<'_>) -> Url {
    let played = &web.config.web_url;
    let same = target.host() == played.host()
        && target.port_or_known_default() == played.port_or_known_default();
    if !same || !plays(web.config, web.kind) {
        return target.clone();
    }
    let root = played.path().trim_end_matches('/');
    // A redirect to a bare path leaves out the folder under which the operator's web site stands.
    let path = target
        .path()
        .strip_prefix(root)
        .filter(|path| path.is_empty() || path.starts_with('/'))
        .unwrap_or_else(|| target.path());
    let mut public = under(&PlatformConfig::defaults(web.kind).web_url, path);
    public.set_query(target.query());
    public
}

fn is_login(target: &Url) -> bool {
    let path = target.path();
    path.starts_with("/login") || path.starts_with("/accounts/login") || path == "/checkpoint/"
}

/// The address that a page for logging in goes on to.
fn behind_login(target: &Url) -> Option<Url> {
    let (_, next) = target
        .query_pairs()
        .find(|(name, _)| matches!(name.as_ref(), "next" | "dest"))?;
    let next = target.join(&next).ok()?;
    (!is_login(&next)).then_some(next)
}

fn not_a_post(reason: String) -> Followed {
    Followed::NotAPost { reason }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderValue, LOCATION};

    use super::*;
    use crate::platform::Advice;
    use crate::platform::stub::{Reply, Stub};

    fn at(status: u16, location: Option<&str>) -> Result<Step, PlatformError> {
        let mut config = PlatformConfig::defaults(PlatformKind::Reddit);
        config.web_url = Url::parse("http://127.0.0.1:9/reddit").unwrap();
        config.operator_set_hosts = true;
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(LOCATION, HeaderValue::from_str(location).unwrap());
        }
        let asked = Url::parse("http://127.0.0.1:9/reddit/r/a/s/b").unwrap();
        step(
            status,
            &headers,
            &asked,
            Web {
                config: &config,
                kind: PlatformKind::Reddit,
            },
        )
    }

    fn id(step: Step) -> Option<String> {
        match step {
            Step::Done(Followed::Link(link)) => link.native_id().map(str::to_owned),
            _ => None,
        }
    }

    #[test]
    fn a_redirect_to_a_post_is_read_in_every_spelling() {
        for location in [
            "https://www.reddit.com/r/redditdev/comments/2gmzqe/slug/?share_id=o&utm_name=i",
            "http://127.0.0.1:9/reddit/r/redditdev/comments/2gmzqe/slug/",
            "/reddit/r/redditdev/comments/2gmzqe",
            "/r/redditdev/comments/2gmzqe",
            "https://www.reddit.com/login/?dest=https%3A%2F%2Fwww.reddit.com%2Fcomments%2F2gmzqe",
        ] {
            for status in [301, 302, 303, 307, 308] {
                let found = id(at(status, Some(location)).unwrap());
                assert_eq!(found.as_deref(), Some("2gmzqe"), "{status} {location}");
            }
        }
    }

    #[test]
    fn a_redirect_away_from_the_platform_or_to_no_post_is_not_a_post() {
        for location in [
            "https://evil.example/r/a/comments/2gmzqe",
            "http://169.254.169.254/latest/meta-data",
            "http://127.0.0.1:10/reddit/r/a/comments/2gmzqe",
            "https://www.instagram.com/p/CRyZpjhDO_k/",
            "https://www.reddit.com/r/redditdev",
            "/",
        ] {
            let step = at(302, Some(location)).unwrap();
            assert!(
                matches!(step, Step::Done(Followed::NotAPost { .. })),
                "{location}"
            );
        }
    }

    #[test]
    fn a_link_that_is_not_there_is_gone() {
        for status in [404, 410] {
            let step = at(status, None).unwrap();
            assert!(
                matches!(step, Step::Done(Followed::Gone { .. })),
                "{status}"
            );
        }
    }

    #[test]
    fn what_says_nothing_about_the_link_is_an_error() {
        for (status, location, expected) in [
            (200, None, Advice::Retry),
            (301, None, Advice::Retry),
            (500, None, Advice::Retry),
            (429, None, Advice::Snooze(None)),
            (403, None, Advice::GiveUp),
            (302, Some("https://www.reddit.com/login/"), Advice::GiveUp),
        ] {
            assert_eq!(
                at(status, location).unwrap_err().advice(),
                expected,
                "{status}"
            );
        }
    }

    fn redirect(token: &str) -> PostLink {
        PostLink::parse(&format!("https://www.reddit.com/r/a/s/{token}")).unwrap()
    }

    #[tokio::test]
    async fn short_links_are_followed_five_times_at_most() {
        let stub = Stub::start(|asked| {
            let (_, token) = asked.line.rsplit_once('/').unwrap();
            let n: u32 = token.parse().unwrap();
            let location = if n == 0 {
                "https://www.reddit.com/comments/2gmzqe".to_owned()
            } else {
                format!("https://www.reddit.com/r/a/s/{}", n - 1)
            };
            Reply::new(301, "").header("Location", location)
        })
        .await;
        let config = stub.config(PlatformKind::Reddit);
        let http = Http::new(PlatformKind::Reddit, &config).unwrap();
        let near = follow(&http, &config, &redirect("4")).await.unwrap();
        assert!(matches!(near, Followed::Link(_)), "{near:?}");
        assert_eq!(stub.asked().len(), 5);
        let far = follow(&http, &config, &redirect("5")).await.unwrap();
        assert!(matches!(far, Followed::NotAPost { .. }), "{far:?}");
        assert_eq!(stub.asked().len(), 10);
    }

    #[test]
    fn a_host_of_its_own_is_asked_itself_unless_the_operator_plays_the_platform() {
        let link = PostLink::parse("https://fb.watch/abcDEF").unwrap();
        let mut config = PlatformConfig::defaults(PlatformKind::Meta);
        assert_eq!(
            address_of(&config, &link).unwrap().as_str(),
            "https://fb.watch/abcDEF"
        );
        config.web_url = Url::parse("http://127.0.0.1:9/meta/").unwrap();
        config.operator_set_hosts = true;
        assert_eq!(
            address_of(&config, &link).unwrap().as_str(),
            "http://127.0.0.1:9/meta/abcDEF"
        );
    }
}
