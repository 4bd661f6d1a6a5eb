//! Every form of link that is known, as tables of text: a URL, and what it becomes.

mod ids;
mod properties;

use super::{LinkRefusal, LinkTarget, PostLink};
use crate::model::PlatformKind;

/// The lines of a table: what stands before the first space of each, and what stands after it.
fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| {
        line.split_once(' ')
            .map_or((line, ""), |(left, right)| (left, right.trim()))
    })
}

fn assert_read(url: &str, platform: PlatformKind, canonical: &str, target: &LinkTarget, who: &str) {
    let expected = PostLink {
        platform,
        canonical_url: canonical.to_owned(),
        target: target.clone(),
        account: (!who.is_empty()).then(|| who.to_owned()),
    };
    assert_eq!(PostLink::parse(url), Ok(expected), "{url}");
}

/// Asserts that each URL of the table is this post, by the account beside it.
fn assert_posts(platform: PlatformKind, native_id: &str, canonical: &str, table: &str) {
    let target = LinkTarget::Post {
        native_id: native_id.to_owned(),
    };
    for (url, account) in rows(table) {
        assert_read(url, platform, canonical, &target, account);
    }
}

/// Asserts that each URL of the table is read with this target as the canonical URL beside it.
fn assert_opaque(platform: PlatformKind, target: &LinkTarget, table: &str) {
    for (url, canonical) in rows(table) {
        assert_read(url, platform, canonical, target, "");
    }
}

/// Asserts that each URL of the table is no post of this platform, for the reason beside it.
fn assert_no_posts(platform: PlatformKind, table: &str) {
    for (url, reason) in rows(table) {
        match PostLink::parse(url) {
            Err(LinkRefusal::NotAPost {
                platform: named,
                what,
            }) => {
                assert_eq!(named, platform, "{url}");
                assert!(what.contains(reason), "{url} is refused as {what:?}");
            }
            other => panic!("{url} is read as {other:?}"),
        }
    }
}

fn assert_canonical_is_read_as_itself(link: &PostLink) {
    let again = PostLink::parse(&link.canonical_url).unwrap();
    assert_eq!(
        (again.platform, &again.target, &again.canonical_url),
        (link.platform, &link.target, &link.canonical_url)
    );
}

#[test]
fn every_spelling_of_a_reddit_post_is_one_link() {
    let table = "
        https://www.reddit.com/r/rust/comments/1skjxta/some_title/
        https://reddit.com/r/rust/comments/1skjxta
        https://old.reddit.com/r/rust/comments/1skjxta/some_title
        https://new.reddit.com/r/rust/comments/1skjxta/some_title/?sort=new#comments
        https://np.reddit.com/r/rust/comments/1skjxta/
        https://m.reddit.com/r/rust/comments/1skjxta/
        https://de.reddit.com/r/rust/comments/1skjxta/a/?share_id=a&utm_source=share
        https://www.reddit.com/comments/1skjxta
        https://www.reddit.com/comments/1SKJXTA/some_title
        https://www.reddit.com/comments/01skjxta
        https://www.reddit.com/user/somebody/comments/1skjxta/some_title/
        https://www.reddit.com/u/somebody/comments/1skjxta
        https://redd.it/1skjxta
        https://www.reddit.com/gallery/1skjxta
        http://WWW.Reddit.COM.//r//rust/comments/1skjxta//
        https://www.reddit.com:443/r/rust/comments/1skjxta
        https://www.reddit.com/r/rust/%63omments/1skjxta/%F0%9F%A6%80%FF%/
        reddit.com/r/rust/comments/1skjxta
        www.reddit.com:443/r/rust/comments/1skjxta
        //www.reddit.com/r/rust/comments/1skjxta
    ";
    let canonical = "https://www.reddit.com/comments/1skjxta";
    assert_posts(PlatformKind::Reddit, "1skjxta", canonical, table);

    let greatest = PostLink::parse("https://redd.it/1y2p0ij32e8e7").unwrap();
    assert_eq!(greatest.native_id(), Some("1y2p0ij32e8e7"));
}

#[test]
fn reddit_share_links_are_left_to_the_web_server() {
    let table = "
        https://www.reddit.com/r/rust/s/Ab12Cd34Ef https://www.reddit.com/r/rust/s/Ab12Cd34Ef
        reddit.com/r/Rust/s/Ab12Cd34Ef/?a=b#c https://www.reddit.com/r/rust/s/Ab12Cd34Ef
        https://www.reddit.com/u/me_-/s/Wn4 https://www.reddit.com/u/me_-/s/Wn4
        https://www.reddit.com/user/me_-/s/Wn4 https://www.reddit.com/u/me_-/s/Wn4
    ";
    assert_opaque(PlatformKind::Reddit, &LinkTarget::Redirect, table);
}

#[test]
fn what_is_no_reddit_post_is_refused_by_name() {
    let table = "
        https://www.reddit.com/r/rust/comments/1skjxta/some_title/kabc123/ comment
        https://www.reddit.com/r/rust/comments/1skjxta/comment/kabc123/?context=3 comment
        https://i.redd.it/abc.jpg image or video
        https://v.redd.it/abc123 image or video
        https://preview.redd.it/abc.png?width=640 image or video
        https://i.redditmedia.com/abc image or video
        https://redditmedia.com/abc image or video
        https://www.reddit.com/r/rust/ community
        https://www.reddit.com/user/somebody profile
        https://www.reddit.com/u/somebody/ profile
        https://www.reddit.com/ open the post
        https://www.reddit.com/comments/abcdefghij1234 open the post
        https://www.reddit.com/comments/1y2p0ij32e8e8 open the post
        https://redd.it/zzzzzzzzzzzzz open the post
        https://www.reddit.com/comments/t3_1skjxta open the post
        https://www.reddit.com/comments/0 open the post
        https://www.reddit.com/r/rust/comments open the post
        https://www.reddit.com/r/rust/comments/1skjxta/title/.json open the post
        https://www.reddit.com/r%2Frust%2Fcomments%2F1skjxta open the post
        https://www.reddit.com/r/rust/s/ open the post
        https://redd.it/r/rust open the post
    ";
    assert_no_posts(PlatformKind::Reddit, table);
}

#[test]
fn every_spelling_of_an_instagram_post_is_one_link() {
    let table = "
        https://www.instagram.com/p/CRyZpjhDO_k/
        https://instagram.com/reel/CRyZpjhDO_k
        https://m.instagram.com/reels/CRyZpjhDO_k/?igsh=abc==
        https://www.instagram.com/tv/CRyZpjhDO_k/
        https://www.instagram.com/p/CRyZpjhDO_k/embed/
        https://www.instagram.com/p/CRyZpjhDO_k/embed/captioned/
        https://www.instagram.com/p/CRyZpjhDO_k/?img_index=2
        https://www.instagram.com/Blue.Bottle_/p/CRyZpjhDO_k/ blue.bottle_
        https://www.instagram.com/bluebottle/reel/CRyZpjhDO_k bluebottle
        https://www.instagram.com/p/CRyZpjhDO_kc0q001y3F9CHRSoqEljK_dgkJjo0/
        https://www.instagram.com/p/CRyZpjhDO_kfS3I2PpqsNkxElV9DXj61vzo5xs0/
    ";
    let canonical = "https://www.instagram.com/p/CRyZpjhDO_k/";
    assert_posts(PlatformKind::Instagram, "CRyZpjhDO_k", canonical, table);

    let other = PostLink::parse("https://www.instagram.com/p/cRyZpjhDO_k/").unwrap();
    assert_eq!(
        other.native_id(),
        Some("cRyZpjhDO_k"),
        "letter case tells posts apart"
    );
}

#[test]
fn instagram_share_links_are_left_to_the_web_server() {
    let table = "
        https://www.instagram.com/share/BAJy3dYWe_/ https://www.instagram.com/share/BAJy3dYWe_
        https://instagram.com/share/reel/_aB?x=1 https://www.instagram.com/share/reel/_aB
        https://www.instagram.com/share/p/_aB/ https://www.instagram.com/share/p/_aB
        http://instagr.am/p/CRyZpjhDO_k/ https://instagr.am/p/CRyZpjhDO_k
    ";
    assert_opaque(PlatformKind::Instagram, &LinkTarget::Redirect, table);
}

#[test]
fn what_is_no_instagram_post_is_refused_by_name() {
    let table = "
        https://www.instagram.com/stories/bluebottle/2626274339507204068/ story
        https://www.instagram.com/stories/highlights/123/ story
        https://www.instagram.com/bluebottle/ profile
        https://www.instagram.com/bluebottle/reels/ profile
        https://www.instagram.com/explore/tags/coffee/ explore
        https://www.instagram.com/reels/audio/123/ audio
        https://www.instagram.com/p/CRyZpjhDO_k/c/123/ comment
        https://www.instagram.com/ open the post
        https://www.instagram.com/p/ open the post
        https://www.instagram.com/p/CRyZ%20jhDO_k/ open the post
        https://www.instagram.com/share/p open the post
        https://instagr.am/bluebottle open the post
    ";
    assert_no_posts(PlatformKind::Instagram, table);
    let too_long = format!("https://www.instagram.com/p/{}/", "a".repeat(57));
    assert_no_posts(
        PlatformKind::Instagram,
        &format!("{too_long} open the post"),
    );
}

#[test]
fn a_facebook_link_with_both_numbers_is_the_post_of_the_graph_api() {
    let table = "
        https://www.facebook.com/100200300400500/posts/900800700600500
        https://www.facebook.com/100200300400500/posts/some-slug/900800700600500/
        https://m.facebook.com/100200300400500/posts/900800700600500?__cft__[0]=a&__tn__=-R
        https://web.facebook.com/permalink.php?story_fbid=900800700600500&id=100200300400500
        https://m.facebook.com/story.php?id=100200300400500&x=y&story_fbid=900800700600500
        https://mbasic.facebook.com/100200300400500/videos/900800700600500/
        https://zh-hk.facebook.com/100200300400500/videos/vb.1/900800700600500
        https://www.facebook.com/100200300400500/photos/pcb.900800700600500/900800700600777/?type=3
        https://www.facebook.com/photo/?fbid=900800700600777&set=pcb.900800700600500&id=100200300400500
    ";
    let canonical = "https://www.facebook.com/100200300400500/posts/900800700600500";
    assert_posts(
        PlatformKind::Meta,
        "100200300400500_900800700600500",
        canonical,
        table,
    );
}

#[test]
fn a_facebook_link_without_both_numbers_is_a_permalink() {
    let table = "
        Some.Page/posts/pfbid02aB some.page/posts/pfbid02aB
        some.page/posts/a-slug/pfbid02aB/?x=1#y some.page/posts/pfbid02aB
        123/posts/pfbid02aB 123/posts/pfbid02aB
        permalink.php?story_fbid=pfbid02aB&id=123 permalink.php?story_fbid=pfbid02aB&id=123
        story.php?id=123&story_fbid=pfbid02aB&x=1 permalink.php?story_fbid=pfbid02aB&id=123
        some.page/posts/456 some.page/posts/456
        some.page/videos/456/?ref=x some.page/videos/456
        some.page/videos/a-slug/456 some.page/videos/456
        some.page/videos/vb.123/456/ some.page/videos/456
        some.page/photos/a.12/456/?type=3 some.page/photos/456
        some.page/photos/pcb.12/456/ some.page/posts/12
        0123/photos/a.12/456/ 123/photos/456
        123/photos/456 123/photos/456
        123/photos/pcb.x/456 123/photos/456
        watch/?ref=saved&v=456 watch?v=456
        watch/live/?v=456 watch?v=456
        video.php?v=456&fref=nf watch?v=456
        reel/456/?s=single_unit reel/456
        photo.php?fbid=456&set=a.1 photo?fbid=456
        photo.php?fbid=456&id=0123&set=a.1 photo?fbid=456&id=123
        photo/?fbid=456&set=pcb.12 photo?fbid=456
        photo/?fbid=456 photo?fbid=456
    ";
    for (path, canonical) in rows(table) {
        let row = format!("m.facebook.com/{path} https://www.facebook.com/{canonical}");
        assert_opaque(PlatformKind::Meta, &LinkTarget::Permalink, &row);
    }
}

#[test]
fn facebook_share_links_are_left_to_the_web_server() {
    let table = "
        https://www.facebook.com/share/p/1AbC/ https://www.facebook.com/share/p/1AbC
        https://facebook.com/share/v/1AbC?mibextid=x https://www.facebook.com/share/v/1AbC
        https://m.facebook.com/share/r/1AbC https://www.facebook.com/share/r/1AbC
        https://www.facebook.com/share/1AbC/?mibextid=x https://www.facebook.com/share/1AbC
        https://fb.watch/8yDq_-k/ https://fb.watch/8yDq_-k
    ";
    assert_opaque(PlatformKind::Meta, &LinkTarget::Redirect, table);
}

#[test]
fn what_is_no_post_of_a_facebook_page_is_refused_by_name() {
    let table = "
        https://www.facebook.com/groups/123/permalink/456/ group
        https://www.facebook.com/groups/some.group/posts/456/ group
        https://www.facebook.com/stories/123/abc story
        https://www.facebook.com/some.page page or profile
        https://www.facebook.com/profile.php?id=123 page or profile
        https://www.facebook.com/ open the post
        https://www.facebook.com/watch/ open the post
        https://www.facebook.com/watch/?v=1&v=2 open the post
        https://www.facebook.com/permalink.php?story_fbid=456 open the post
        https://www.facebook.com/permalink.php?story_fbid=456&id=name open the post
        https://www.facebook.com/some.page/posts/words open the post
        https://www.facebook.com/Watch/posts/456 open the post
        https://www.facebook.com/../posts/456 open the post
        https://www.facebook.com/share/ open the post
        https://www.facebook.com/share/p/ open the post
        https://www.facebook.com/share/g/1AbC/ open the post
        https://fb.watch/ open the post
    ";
    assert_no_posts(PlatformKind::Meta, table);
}

#[test]
fn every_spelling_of_a_youtube_video_is_one_link() {
    let table = "
        https://www.youtube.com/watch?v=O0aSwKeusZ_
        https://m.youtube.com/watch?list=PL1&v=O0aSwKeusZ_&t=10s
        https://music.youtube.com/watch?v=O0aSwKeusZ_&v=O0aSwKeusZ_
        https://youtube.com/watch/?v=%4F0aSwKeusZ_
        https://youtu.be/O0aSwKeusZ_?si=abc
        https://www.youtube.com/shorts/O0aSwKeusZ_
        https://www.youtube.com/live/O0aSwKeusZ_?feature=share
        https://www.youtube.com/embed/O0aSwKeusZ_
    ";
    let canonical = "https://www.youtube.com/watch?v=O0aSwKeusZ_";
    assert_posts(PlatformKind::YouTube, "O0aSwKeusZ_", canonical, table);
}

#[test]
fn what_is_no_youtube_video_is_refused_by_name() {
    let table = "
        https://www.youtube.com/@somebody channel
        https://www.youtube.com/@somebody/videos channel
        https://www.youtube.com/channel/UC123 channel
        https://www.youtube.com/embed/live_stream?channel=UC123 channel
        https://www.youtube.com/playlist?list=PL1 playlist
        https://www.youtube.com/embed/videoseries?list=PL1 playlist
        https://www.youtube.com/clip/Ugkx1 clip
        https://www.youtube.com/post/Ugkx1 community
        https://www.youtube.com/watch?list=PL1 open the post
        https://www.youtube.com/watch?v=O0aSwKeusZ open the post
        https://www.youtube.com/watch?v=O0aSwKeusZ_&v=O0aSwKeusZ- open the post
        https://youtu.be/O0aSwKeusZ_M open the post
        https://youtu.be/ open the post
    ";
    assert_no_posts(PlatformKind::YouTube, table);
}

#[test]
fn every_spelling_of_an_x_post_is_one_link() {
    let table = "
        https://x.com/SomeBody/status/1700000000000000000 somebody
        https://twitter.com/SomeBody/status/1700000000000000000?s=20 somebody
        https://mobile.twitter.com/Dev_1/status/1700000000000000000/photo/1 dev_1
        https://www.x.com/Dev_1/status/1700000000000000000/video/1 dev_1
        https://x.com/i/status/1700000000000000000
        https://twitter.com/i/web/status/1700000000000000000
    ";
    let canonical = "https://x.com/i/status/1700000000000000000";
    assert_posts(PlatformKind::X, "1700000000000000000", canonical, table);
    assert_posts(
        PlatformKind::X,
        "20",
        "https://x.com/i/status/20",
        "x.com/i/status/020",
    );
    let greatest = PostLink::parse("https://x.com/i/status/9223372036854775807").unwrap();
    assert_eq!(greatest.native_id(), Some("9223372036854775807"));
}

#[test]
fn what_is_no_x_post_is_refused_by_name() {
    let table = "
        https://t.co/abc/def not that of a post
        https://x.com/SomeBody profile
        https://x.com/ open the post
        https://x.com/SomeBody/status/ open the post
        https://x.com/SomeBody/status/12a open the post
        https://x.com/SomeBody/status/17000000000000000000 open the post
        https://x.com/SomeBody/status/9223372036854775808 open the post
        https://x.com/i/status/0 open the post
        https://x.com/SomeBody/status/12/likes open the post
        https://x.com/i/lists/123 open the post
    ";
    assert_no_posts(PlatformKind::X, table);
}

#[test]
fn every_spelling_of_a_tiktok_post_is_one_link() {
    let table = "
        https://www.tiktok.com/@Some.Body_/video/7301234567890123456 some.body_
        https://m.tiktok.com/@other/video/7301234567890123456?is_from_webapp=1 other
        https://tiktok.com/@somebody/photo/7301234567890123456 somebody
        https://www.tiktok.com/%40somebody/video/7301234567890123456 somebody
        https://www.tiktok.com/@/video/7301234567890123456
        https://www.tiktok.com/@_/video/7301234567890123456
        https://www.tiktok.com/video/7301234567890123456
        https://m.tiktok.com/v/7301234567890123456.html?_d=secCg&share_app_name=musically
        https://www.tiktok.com/embed/7301234567890123456
        https://www.tiktok.com/embed/v2/7301234567890123456?lang=en-US
    ";
    let canonical = "https://www.tiktok.com/@_/video/7301234567890123456";
    assert_posts(
        PlatformKind::TikTok,
        "7301234567890123456",
        canonical,
        table,
    );
}

#[test]
fn t_co_links_are_left_to_the_web_server() {
    let table = "
        https://t.co/AbCd12Ef https://t.co/AbCd12Ef
        http://t.co/AbCd12Ef/?x=1 https://t.co/AbCd12Ef
    ";
    assert_opaque(PlatformKind::X, &LinkTarget::Redirect, table);
}

#[test]
fn tiktok_short_links_are_left_to_the_web_server() {
    let table = "
        https://vm.tiktok.com/ZM8abc/ https://vm.tiktok.com/ZM8abc
        vt.tiktok.com/ZM8abc?k=1 https://vt.tiktok.com/ZM8abc
        https://www.tiktok.com/t/ZM8abc/ https://www.tiktok.com/t/ZM8abc
    ";
    assert_opaque(PlatformKind::TikTok, &LinkTarget::Redirect, table);
}

#[test]
fn what_is_no_tiktok_post_is_refused_by_name() {
    let table = "
        https://www.tiktok.com/@somebody profile
        https://www.tiktok.com/@somebody/live open the post
        https://www.tiktok.com/@somebody/video/12345678901234 open the post
        https://www.tiktok.com/@somebody/video/12345678901234567890 open the post
        https://www.tiktok.com/@somebody/video/9223372036854775808 open the post
        https://www.tiktok.com/@some%3Cbody/video/7301234567890123456 open the post
        https://m.tiktok.com/v/7301234567890123456 open the post
        https://m.tiktok.com/v/12345678901234.html open the post
        https://www.tiktok.com/embed/v2 open the post
        https://www.tiktok.com/embed/@somebody open the post
        https://www.tiktok.com/embed/v3/7301234567890123456 open the post
        https://vm.tiktok.com/ open the post
    ";
    assert_no_posts(PlatformKind::TikTok, table);
}

#[test]
fn only_the_platforms_own_hosts_are_known() {
    let table = "
        https://evilreddit.com/comments/abc evilreddit.com
        https://reddit.com.evil.org/comments/abc reddit.com.evil.org
        https://evilredditmedia.com/abc evilredditmedia.com
        https://oauth.reddit.com/comments/abc oauth.reddit.com
        https://d1.reddit.com/comments/abc d1.reddit.com
        https://evilfacebook.com/reel/1 evilfacebook.com
        https://l.facebook.com/l.php?u=https%3A%2F%2Fwww.reddit.com l.facebook.com
        https://www.instagram.com.evil.org/p/abc www.instagram.com.evil.org
        https://evil.com/?u=https://www.reddit.com/comments/abc evil.com
        https://evil.com#@www.reddit.com/comments/abc evil.com
        https://xn--rddit-zwe.com/comments/abc xn--rddit-zwe.com
        https://www.reddit.com:8443/comments/abc www.reddit.com:8443
        http://www.reddit.com:443/comments/abc www.reddit.com:443
        www.reddit.com:80/comments/abc www.reddit.com:80
        https://127.0.0.1/comments/abc 127.0.0.1
        http://2130706433/comments/abc 127.0.0.1
        http://[::ffff:127.0.0.1]/comments/abc [::ffff:7f00:1]
        http://localhost/comments/abc localhost
    ";
    // The same with a Cyrillic letter that looks like an e.
    let look_alike = "https://r\u{435}ddit.com/comments/abc";
    for (url, host) in rows(table).chain([(look_alike, "xn--rddit-zwe.com")]) {
        let expected = LinkRefusal::UnknownHost {
            host: host.to_owned(),
        };
        assert_eq!(PostLink::parse(url), Err(expected), "{url}");
    }
}

#[test]
fn what_does_not_read_as_it_looks_is_no_url() {
    let texts = [
        "",
        " \n",
        "hello",
        "r/rust/comments/abc",
        "/r/rust/comments/abc",
        "look: https://www.reddit.com/comments/abc",
        "https://www.reddit.com/comments/abc and this",
        "https://www.reddit.com/comments/abc\0",
        "https://www.red\ndit.com/comments/abc",
        "https://www.reddit.com\t/comments/abc",
        "https://reddit.com@evil.com/comments/abc",
        "https://me:secret@www.reddit.com/comments/abc",
        "me@reddit.com/comments/abc",
        "https://@www.reddit.com/comments/abc",
        "https://evil.com\\@www.reddit.com/comments/abc",
        "https:\\\\www.reddit.com\\comments\\abc",
        "https:///www.reddit.com/comments/abc",
        "https:/www.reddit.com/comments/abc",
        "https:www.reddit.com/comments/abc",
        "https://",
        "https://:443/comments/abc",
        "https://www.reddit.com:99999/comments/abc",
        "//",
        "javascript:alert(1)",
        "javascript://www.reddit.com/comments/abc",
        "data:text/html,www.reddit.com",
        "ftp://www.reddit.com/comments/abc",
        "mailto:me@reddit.com",
        "https://\u{ff57}ww.reddit.com/comments/abc",
        "https://www\u{3002}reddit.com/comments/abc",
        "https://www.red\u{ad}dit.com/comments/abc",
        "https://%77ww.reddit.com/comments/abc",
    ];
    for text in texts {
        assert_eq!(PostLink::parse(text), Err(LinkRefusal::NotAUrl), "{text:?}");
    }
}

#[test]
fn a_link_is_shown_as_it_was_pasted_so_it_holds_nothing_that_is_no_part_of_an_address() {
    let post = "https://www.instagram.com/p/CRyZpjhDOq_/?x=";
    assert!(PostLink::parse(&format!("{post}(https://evil.example/login)\u{e9}\u{5d0}")).is_ok());
    let second = format!("{post}<https://evil.example/login>\u{202e}moc.margatsni");
    assert_eq!(PostLink::parse(&second), Err(LinkRefusal::NotAUrl));
    let odd = "<>\"`\\\u{85}\u{a0}\u{ad}\u{61c}\u{180e}\u{200b}\u{200f}\u{2028}\u{202a}\u{202e}\u{2060}\
               \u{2066}\u{2069}\u{206f}\u{3000}\u{feff}\u{fffb}\u{e0041}";
    for character in odd.chars() {
        let text = format!("{post}{character}a");
        assert_eq!(
            PostLink::parse(&text),
            Err(LinkRefusal::NotAUrl),
            "{text:?}"
        );
    }
}

#[test]
fn a_link_may_have_2048_bytes_and_white_space_around_it() {
    let start = "https://www.reddit.com/comments/abc?";
    let longest = format!("{start}{}", "x".repeat(2048 - start.len()));
    assert_eq!(
        PostLink::parse(&format!("  {longest}\n"))
            .unwrap()
            .native_id(),
        Some("abc")
    );
    assert_eq!(
        PostLink::parse(&format!("{longest}x")),
        Err(LinkRefusal::TooLong)
    );
    assert_eq!(
        PostLink::parse(&"/".repeat(1 << 20)),
        Err(LinkRefusal::TooLong)
    );
}

#[test]
fn a_refusal_is_a_sentence_with_what_to_do() {
    let comment = "https://www.reddit.com/r/rust/comments/1skjxta/some_title/kabc123/";
    for (text, sentence) in [
        (
            comment,
            "This Reddit link is that of a comment: paste the link of the post it stands under.",
        ),
        (
            "hello",
            "This is not a web address: paste the whole link of the post, from https:// on.",
        ),
        (
            "https://evil.com/",
            "evil.com is not an address of Reddit, Instagram, Facebook, YouTube, TikTok or X: \
             paste the link of the post on one of these.",
        ),
    ] {
        assert_eq!(PostLink::parse(text).unwrap_err().to_string(), sentence);
    }
    let too_long = "This link is longer than 2048 bytes: paste the link of the post alone.";
    assert_eq!(LinkRefusal::TooLong.to_string(), too_long);
}
