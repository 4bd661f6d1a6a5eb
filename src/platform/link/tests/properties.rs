//! What holds for every text, not only for the links in the tables.

use proptest::prelude::*;

use super::assert_canonical_is_read_as_itself;
use crate::platform::link::PostLink;
use crate::platform::link::instagram::{created_after, media_pk};
use crate::platform::link::x::created_at;

/// A link of a known form and what it must become.
#[derive(Debug, Clone)]
struct Form {
    /// Hosts that all serve it, the canonical one or the best known first, with spaces between.
    hosts: &'static str,
    path: String,
    query: String,
    canonical: String,
}

impl Form {
    fn new(hosts: &'static str, path: String, canonical: String) -> Self {
        Self {
            hosts,
            path,
            query: String::new(),
            canonical,
        }
    }

    fn asking(self, query: String) -> Self {
        Self { query, ..self }
    }
}

const REDDIT: &str = "www.reddit.com reddit.com old.reddit.com new.reddit.com m.reddit.com";
const INSTAGRAM: &str = "www.instagram.com instagram.com m.instagram.com";
const FACEBOOK: &str = "www.facebook.com facebook.com m.facebook.com de-de.facebook.com";
const YOUTUBE: &str = "www.youtube.com youtube.com m.youtube.com music.youtube.com";
const TIKTOK: &str = "www.tiktok.com tiktok.com m.tiktok.com";
const X: &str = "x.com www.x.com twitter.com mobile.twitter.com";

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        ("[A-Za-z0-9_]{2,21}", "[1-9a-z][0-9a-z]{0,11}").prop_map(|(sub, id)| {
            let canonical = format!("https://www.reddit.com/comments/{id}");
            Form::new(REDDIT, format!("r/{sub}/comments/{id}/a_slug"), canonical)
        }),
        ("[a-z0-9_]{2,21}", "[A-Za-z0-9]{8,12}").prop_map(|(sub, token)| {
            let canonical = format!("https://www.reddit.com/r/{sub}/s/{token}");
            Form::new(REDDIT, format!("r/{sub}/s/{token}"), canonical)
        }),
        ("(user_[a-z.]{1,20}/)?(p|reel)/", "[A-Za-z0-9_-]{10,11}").prop_map(|(start, code)| {
            let canonical = format!("https://www.instagram.com/p/{code}/");
            Form::new(INSTAGRAM, format!("{start}{code}"), canonical)
        }),
        ("[1-9][0-9]{4,15}", "(a-slug/)?", "[1-9][0-9]{4,17}").prop_map(|(page, slug, id)| {
            let canonical = format!("https://www.facebook.com/{page}/posts/{id}");
            Form::new(FACEBOOK, format!("{page}/posts/{slug}{id}"), canonical)
        }),
        ("page[a-z.]{1,20}", "pfbid[0-9A-Za-z]{20,64}").prop_map(|(page, id)| {
            let canonical = format!("https://www.facebook.com/{page}/posts/{id}");
            Form::new(FACEBOOK, format!("{page}/posts/{id}"), canonical)
        }),
        "[1-9][0-9]{4,17}".prop_map(|id| {
            let canonical = format!("https://www.facebook.com/watch?v={id}");
            Form::new(FACEBOOK, "watch".to_owned(), canonical).asking(format!("v={id}"))
        }),
        "[A-Za-z0-9_-]{11}".prop_map(|id| {
            let canonical = format!("https://www.youtube.com/watch?v={id}");
            Form::new(YOUTUBE, "watch".to_owned(), canonical).asking(format!("v={id}"))
        }),
        ("[a-z][a-z0-9_.]{1,23}", "[1-8][0-9]{18}").prop_map(|(user, id)| {
            let canonical = format!("https://www.tiktok.com/@_/video/{id}");
            Form::new(TIKTOK, format!("@{user}/video/{id}"), canonical)
        }),
        ("[A-Za-z0-9_]{2,15}", "[1-8][0-9]{0,18}").prop_map(|(user, id)| {
            let canonical = format!("https://x.com/i/status/{id}");
            Form::new(X, format!("{user}/status/{id}"), canonical)
        }),
    ]
}

fn one_of(words: &'static str) -> impl Strategy<Value = &'static str> {
    prop::sample::select(words.split_whitespace().collect::<Vec<_>>())
}

/// URLs put together from the parts that the parser looks for, in any order.
fn soup() -> impl Strategy<Value = String> {
    let host = one_of(
        "www.reddit.com redd.it www.instagram.com instagr.am www.facebook.com fb.watch \
         www.youtube.com youtu.be www.tiktok.com vm.tiktok.com x.com evil.com",
    );
    let word = one_of(
        "r u user comments s gallery p reel Reel reels tv share Share embed watch Watch posts \
         videos photos photo photo.php permalink.php story.php groups Groups live shorts i web \
         status video @user @_ t v v2 7301234567890123456.html pfbid0a 007 pcb.5 ... %2e%2e %2E %00",
    );
    let query = one_of(
        "? ?v=dQw4w9WgXcQ ?v=007 ?v=1&v=2 ?fbid=3 ?fbid=3&id=4 ?fbid=3&id=4&set=pcb.5 \
         ?fbid=pfbid0a&id=4 ?story_fbid=1&id=2 ?story_fbid=pfbid0a&id=02",
    );
    let segment = prop_oneof![
        4 => word.prop_map(str::to_owned),
        1 => "[A-Za-z0-9._%@-]{1,12}",
        1 => "[0-9]{1,20}",
        1 => "[A-Za-z0-9_-]{11}",
        1 => "[A-Za-z0-9_-]{25,60}",
    ];
    (host, prop::collection::vec(segment, 0..5), query)
        .prop_map(|(host, path, query)| format!("https://{host}/{}{query}", path.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn decorations_do_not_change_a_link(
        form in form(),
        scheme in prop::sample::select(vec!["https://", "http://", "HTTPS://", "//", ""]),
        host in any::<prop::sample::Selector>(),
        (upper, dot, doubled) in any::<(bool, bool, bool)>(),
        slashes in 0..3_usize,
        junk in "(&(utm_[a-z]{1,8}|igsh|share_id|si)=[A-Za-z0-9%._-]{0,12}){0,3}",
        fragment in "(#[A-Za-z0-9/?!=]{0,12})?",
        space in "[ \t\n]{0,2}",
    ) {
        let Form { hosts, path, query, canonical } = form;
        let first = hosts.split(' ').next().unwrap();
        let plain = PostLink::parse(&format!("https://{first}/{path}?{query}")).unwrap();
        prop_assert_eq!(&plain.canonical_url, &canonical);
        assert_canonical_is_read_as_itself(&plain);

        let host = host.select(hosts.split(' '));
        let host = if upper { host.to_ascii_uppercase() } else { host.to_owned() };
        let dot = if dot { "." } else { "" };
        let path = if doubled { path.replace('/', "//") } else { path };
        let end = "/".repeat(slashes);
        let text = format!("{space}{scheme}{host}{dot}/{path}{end}?{query}{junk}{fragment}{space}");
        prop_assert_eq!(PostLink::parse(&text), Ok(plain), "{}", text);
    }

    #[test]
    fn a_canonical_url_is_read_as_itself(text in soup()) {
        if let Ok(link) = PostLink::parse(&text) {
            assert_canonical_is_read_as_itself(&link);
        }
    }

    #[test]
    fn every_text_is_read_or_refused_with_a_sentence(
        text in prop_oneof![
            "\\PC{0,200}",
            "https?://[^ ]{0,80}",
            prop::collection::vec(any::<char>(), 0..100)
                .prop_map(|chars| chars.into_iter().collect::<String>()),
            ("(?s).{0,4}", soup(), "(?s).{0,4}").prop_map(|(a, url, b)| format!("{a}{url}{b}")),
        ],
    ) {
        match PostLink::parse(&text) {
            Ok(link) => {
                assert_canonical_is_read_as_itself(&link);
                let odd = ['<', '>', '"', '`', '\\', '\u{200e}', '\u{202e}', '\u{2066}', '\u{feff}'];
                prop_assert!(!text.trim().contains(odd), "{:?}", text);
            }
            Err(refusal) => prop_assert!(refusal.to_string().ends_with('.')),
        }
        // Neither does arithmetic on what is no id.
        prop_assert!(media_pk(&text).is_none_or(|_| text.is_ascii()));
        prop_assert!(created_after(&text).is_none_or(|_| text.is_ascii()));
        prop_assert!(created_at(&text).is_none_or(|_| text.is_ascii()));
    }
}
