//! Following short and share links to what they name.
//!
//! A link is opened as anybody would open it, without cookie or token, and never further than to
//! the next address that the parser of links knows: the answer's `Location` is read, not visited,
//! unless it is again a short link of the same platform. So nothing outside the platforms' own
//! hosts is ever asked. Where the operator plays a platform, its short links are asked at the
//! configured web address.
//!
//! Only a link that the platform no longer knows is gone. A platform also puts pages of its own before
//! a link, to log in or to consent, and sends whoever has no cookie in circles; none of that says
//! what is behind the link.

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

/// How the paths of pages begin that platforms put before links.
const WALLS: [&str; 7] = [
    "challenge",
    "checkpoint",
    "consent",
    "login",
    "over18",
    "quarantine",
    "unsupportedbrowser",
];

/// The parameters in which a page that is put before a link holds the address that it goes on to.
const GOES_ON_TO: [&str; 5] = [
    "continue",
    "dest",
    "next",
    "redirect_after_login",
    "redirect_url",
];

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
    Again {
        link: PostLink,
        /// Whether the platform puts a page before it.
        is_walled: bool,
    },
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
    let mut opened = Vec::new();
    for _ in 0..HOPS {
        let address = address_of(config, &link)?;
        let answer = http.send_beside(http.get(address.clone())).await?;
        let web = Web {
            config,
            kind: link.platform,
        };
        opened.push(link.canonical_url);
        link = match step(answer.status, &answer.headers, &address, web)? {
            Step::Done(followed) => return Ok(followed),
            Step::Again { link, is_walled } if opened.contains(&link.canonical_url) => {
                return Err(if is_walled {
                    walled()
                } else {
                    PlatformError::unreachable("the link is redirected in a circle")
                });
            }
            Step::Again { link, .. } => link,
        };
    }
    Err(PlatformError::unreachable(&format!(
        "the link is redirected more than {HOPS} times"
    )))
}

/// The error of a link before which the platform puts a page of its own.
fn walled() -> PlatformError {
    PlatformError::refused(
        "the platform asks to log in, or puts another page of its own before the link",
    )
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
    if !is_wall(&target) {
        return read(&target, web);
    }
    let behind = behind_wall(&target).map(|next| as_public(&next, web));
    match behind
        .filter(|next| !is_wall(next))
        .map(|next| read(&next, web))
    {
        Some(Ok(Step::Again { link, .. })) => Ok(Step::Again {
            link,
            is_walled: true,
        }),
        Some(Ok(Step::Done(Followed::Link(link)))) => Ok(Step::Done(Followed::Link(link))),
        // What else a page may go on to is not what the link names.
        _ => Err(walled()),
    }
}

fn read(target: &Url, web: Web<'_>) -> Result<Step, PlatformError> {
    match PostLink::parse(target.as_str()) {
        Ok(link) if link.platform != web.kind => {
            let reason = format!("This link leads to {}.", link.platform.brand());
            Ok(Step::Done(not_a_post(reason)))
        }
        Ok(link) => Ok(match link.target {
            LinkTarget::Redirect => Step::Again {
                link,
                is_walled: false,
            },
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

/// Whether an address is a page that a platform puts before others: to log in, to prove that one is
/// no robot, to consent, to say one's age, or that it shows nothing in this region. A post is none,
/// whatever its account is called.
fn is_wall(target: &Url) -> bool {
    let Some(host) = target.host_str() else {
        return false;
    };
    if let Some(site) = host.strip_prefix("consent.") {
        return is_platforms(site);
    }
    let path: Vec<&str> = target
        .path_segments()
        .into_iter()
        .flatten()
        .filter(|segment| !segment.is_empty())
        .collect();
    let is_named_so = match path.as_slice() {
        ["accounts", "login", ..] | ["i", "flow", "login", ..] | ["account", "access", ..] => true,
        // At TikTok the region stands before it.
        ["notfound"] | [_, "notfound"] => host.ends_with("tiktok.com"),
        [first, ..] => WALLS.contains(first) || first.starts_with("login."),
        [] => false,
    };
    is_named_so && is_platforms(host) && !is_post(target)
}

/// Whether an address names a post itself, and not another address that does.
fn is_post(target: &Url) -> bool {
    PostLink::parse(target.as_str()).is_ok_and(|link| link.target != LinkTarget::Redirect)
}

/// Whether a host is one of a platform's.
fn is_platforms(host: &str) -> bool {
    !matches!(
        PostLink::parse(&format!("https://{host}/")),
        Err(LinkRefusal::UnknownHost { .. } | LinkRefusal::NotAUrl | LinkRefusal::TooLong)
    )
}

/// The address that a page before a link goes on to.
fn behind_wall(target: &Url) -> Option<Url> {
    let (_, next) = target
        .query_pairs()
        .find(|(name, _)| GOES_ON_TO.contains(&&**name))?;
    target.join(&next).ok()
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
        on(PlatformKind::Reddit, status, location)
    }

    fn on(kind: PlatformKind, status: u16, location: Option<&str>) -> Result<Step, PlatformError> {
        let mut config = PlatformConfig::defaults(kind);
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
                kind,
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
    fn a_page_that_is_put_before_a_link_says_nothing_of_it() {
        for location in [
            "https://www.reddit.com/login/",
            "https://www.reddit.com/login/?dest=%2F",
            "https://www.reddit.com/login/?dest=https%3A%2F%2Fexample.com%2F",
            "https://www.reddit.com/login/?dest=https%3A%2F%2Fwww.reddit.com%2Flogin%2F",
            "https://www.reddit.com/over18?dest=https%3A%2F%2Fwww.reddit.com%2Fr%2Fa",
            "/reddit/over18",
            "https://www.instagram.com/challenge/?next=%2Fshare%2Fp%2Fabc",
            "https://www.instagram.com/accounts/login/",
            "https://www.facebook.com/checkpoint/1501092823525282/",
            "https://www.facebook.com/login.php?skip_api_login=1",
            "https://www.facebook.com/unsupportedbrowser",
            "https://x.com/i/flow/login?redirect_after_login=%2Fhome",
            "https://www.tiktok.com/hk/notfound",
            "https://www.tiktok.com/notfound",
            "https://www.youtube.com/consent",
            "https://consent.youtube.com/m?continue=https%3A%2F%2Fwww.youtube.com%2F",
        ] {
            let error = at(302, Some(location)).unwrap_err();
            assert!(
                matches!(error, PlatformError::Refused { .. }),
                "{location}: {error}"
            );
        }
        // These are no platform's, or no such pages.
        for location in [
            "https://example.com/login",
            "https://consent.example.com/m",
            "https://www.reddit.com/hk/notfound",
            "https://www.reddit.com/logins",
        ] {
            let step = at(302, Some(location)).unwrap();
            assert!(
                matches!(step, Step::Done(Followed::NotAPost { .. })),
                "{location}: {step:?}"
            );
        }
    }

    #[test]
    fn what_stands_behind_such_a_page_is_what_the_link_names() {
        for (location, walled) in [
            ("https://www.reddit.com/over18?dest=%2Fr%2Fa%2Fs%2Fc", true),
            ("https://www.reddit.com/login?dest=%2Fr%2Fa%2Fs%2Fc", true),
            ("https://www.reddit.com/r/a/s/c", false),
        ] {
            match at(302, Some(location)).unwrap() {
                Step::Again { link, is_walled } => {
                    assert!(link.canonical_url.ends_with("/r/a/s/c"), "{location}");
                    assert_eq!(is_walled, walled, "{location}");
                }
                Step::Done(followed) => panic!("{location}: {followed:?}"),
            }
        }
    }

    #[test]
    fn a_post_of_an_account_that_is_called_as_such_a_page_is_a_post() {
        for (kind, location, expected) in [
            (PlatformKind::X, "https://x.com/challenge/status/123", "123"),
            (
                PlatformKind::X,
                "https://twitter.com/login/status/123?s=20",
                "123",
            ),
            (
                PlatformKind::X,
                "https://x.com/login?redirect_after_login=%2Fconsent%2Fstatus%2F123",
                "123",
            ),
            (
                PlatformKind::Instagram,
                "https://www.instagram.com/checkpoint/p/CRyZpjhDO_k/?igsh=a",
                "CRyZpjhDO_k",
            ),
        ] {
            let found = id(on(kind, 301, Some(location)).unwrap());
            assert_eq!(found.as_deref(), Some(expected), "{location}");
        }
        // What stands in the query of such a page is no post of its own.
        for location in [
            "https://x.com/login?v=123&id=123&status=123",
            "https://x.com/challenge?back=%2Fchallenge%2Fstatus%2F123",
        ] {
            let error = on(PlatformKind::X, 301, Some(location)).unwrap_err();
            let is_refused = matches!(error, PlatformError::Refused { .. });
            assert!(is_refused, "{location}: {error}");
        }
    }

    #[tokio::test]
    async fn a_link_that_leads_to_itself_is_not_gone() {
        let stub = Stub::start(|asked| {
            let location = match asked.line.as_str() {
                // A check for cookies.
                "GET /web/r/a/s/itself" => "https://www.reddit.com/r/a/s/itself?again=1",
                "GET /web/r/a/s/walled" => {
                    "/web/login/?dest=https%3A%2F%2Fwww.reddit.com%2Fr%2Fa%2Fs%2Fwalled"
                }
                "GET /web/r/a/s/to" => "https://www.reddit.com/r/a/s/fro",
                _ => "https://www.reddit.com/r/a/s/to",
            };
            Reply::new(302, "").header("Location", location)
        })
        .await;
        let config = stub.config(PlatformKind::Reddit);
        let http = Http::new(PlatformKind::Reddit, &config).unwrap();
        for (token, expected, calls) in [
            ("itself", Advice::Retry, 1),
            ("walled", Advice::GiveUp, 2),
            ("to", Advice::Retry, 4),
        ] {
            let error = follow(&http, &config, &redirect(token)).await.unwrap_err();
            assert_eq!(error.advice(), expected, "{token}: {error}");
            assert_eq!(stub.asked().len(), calls, "{token}");
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
        let far = follow(&http, &config, &redirect("5")).await.unwrap_err();
        assert_eq!(far.advice(), Advice::Retry, "{far}");
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
