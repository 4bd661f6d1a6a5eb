//! What the variables become, and how a bad one is named.

use std::os::unix::ffi::OsStrExt as _;

use super::*;
use crate::platform::{Overrides, Platforms};

fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(&|name| {
        pairs
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn a_platform_is_set_up_by_its_variables() {
    let config = read(&[
        ("COUNTERSIGN_PLATFORM_REDDIT_CLIENT_ID", "id"),
        ("COUNTERSIGN_PLATFORM_REDDIT_CLIENT_SECRET", "s3cret"),
    ])
    .unwrap();
    assert_eq!(config.platforms.len(), 1);
    assert_eq!(config.platforms[0].0, PlatformKind::Reddit);
    assert!(!config.platforms[0].1.operator_set_hosts);
    assert!(
        !format!("{config:?}").contains("s3cret"),
        "secrets do not print"
    );
}

#[test]
fn each_variable_of_a_platform_is_read_where_it_stands_alone_and_none_of_them_is_access() {
    for (name, value) in [
        ("CLIENT_ID", "1"),
        ("CLIENT_SECRET", "s3cret"),
        ("ACCESS_TOKEN", "t0ken"),
        ("ACCOUNT_ID", "100064000042001"),
        ("API_VERSION", "v25.0"),
        ("BASE_URL", "http://127.0.0.1:9/"),
        ("WEB_URL", "http://127.0.0.1:9/"),
        ("AD_ACCOUNT_ID", "act_7"),
        ("AD_ACCESS_TOKEN", "ad-t0ken"),
    ] {
        let variable = format!("COUNTERSIGN_PLATFORM_META_{name}");
        let config = read(&[(variable.as_str(), value)]).unwrap();
        let [(PlatformKind::Meta, meta)] = config.platforms.as_slice() else {
            panic!("{variable}: {:?}", config.platforms);
        };
        let texts = [
            meta.client_id.as_deref(),
            meta.client_secret.as_ref().map(Secret::expose),
            meta.access_token.as_ref().map(Secret::expose),
            meta.account_id.as_deref(),
            Some(meta.api_version.as_str()),
            Some(meta.base_url.as_str()),
            Some(meta.web_url.as_str()),
            meta.ad_account.as_deref(),
            meta.ad_access_token.as_ref().map(Secret::expose),
        ];
        assert!(texts.contains(&Some(value)), "{variable}");
        let platforms = Platforms::new(config.platforms).unwrap();
        assert!(!platforms.available(PlatformKind::Meta), "{variable}");
    }
    assert!(read(&[]).unwrap().platforms.is_empty());
}

#[test]
fn what_is_set_at_run_time_completes_what_the_environment_says() {
    let config = read(&[
        (
            "COUNTERSIGN_PLATFORM_INSTAGRAM_ACCOUNT_ID",
            "17841406338772941",
        ),
        // Plain addresses need no certificates on the machine that runs the test.
        (
            "COUNTERSIGN_PLATFORM_INSTAGRAM_WEB_URL",
            "http://127.0.0.1:9",
        ),
    ])
    .unwrap();
    let platforms = Platforms::new(config.platforms).unwrap();
    assert!(!platforms.available(PlatformKind::Instagram));
    let token = Overrides {
        base_url: Some(Url::parse("http://127.0.0.1:9").unwrap()),
        client_id: None,
        client_secret: None,
        access_token: Some(Secret::new("t0ken")),
        account_id: None,
        ad_account: None,
        ad_access_token: None,
        api_version: None,
        enabled: true,
    };
    platforms
        .configure(PlatformKind::Instagram, &token)
        .unwrap();
    assert!(platforms.available(PlatformKind::Instagram));
}

#[test]
fn an_ad_account_is_read_for_meta_alone() {
    let config = read(&[
        ("COUNTERSIGN_PLATFORM_META_ACCESS_TOKEN", "t"),
        ("COUNTERSIGN_PLATFORM_META_AD_ACCOUNT_ID", "1234567890"),
        ("COUNTERSIGN_PLATFORM_META_AD_ACCESS_TOKEN", "ad-t0ken"),
        ("COUNTERSIGN_PLATFORM_X_ACCESS_TOKEN", "t"),
        ("COUNTERSIGN_PLATFORM_X_AD_ACCOUNT_ID", "1234567890"),
    ])
    .unwrap();
    let of = |kind: PlatformKind| {
        let found = config.platforms.iter().find(|(other, _)| *other == kind);
        &found.unwrap().1
    };
    let meta = of(PlatformKind::Meta);
    assert_eq!(meta.ad_account.as_deref(), Some("act_1234567890"));
    assert!(meta.ad_access_token.is_some());
    assert!(!format!("{config:?}").contains("ad-t0ken"));
    assert_eq!(of(PlatformKind::X).ad_account, None);
    let variable = "COUNTERSIGN_PLATFORM_META_AD_ACCOUNT_ID";
    let error = read(&[(variable, "my account")]).unwrap_err();
    assert!(error.to_string().starts_with(variable), "{error}");
}

#[test]
fn a_bad_value_names_its_variable() {
    let error = read(&[("COUNTERSIGN_PLATFORM_META_BASE_URL", "ftp://x")]).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("COUNTERSIGN_PLATFORM_META_BASE_URL"),
        "{error}"
    );
    let error = read(&[("COUNTERSIGN_TOKEN_ACCESS_SECONDS", "5")]).unwrap_err();
    assert!(error.to_string().contains("60 to 3600"), "{error}");
    let variable = "COUNTERSIGN_ALERT_CHANNELS_ALLOW_PRIVATE";
    let error = read(&[(variable, "yes")]).unwrap_err();
    assert!(error.to_string().starts_with(variable), "{error}");
    for (variable, value) in [
        ("COUNTERSIGN_PLATFORM_META_ACCOUNT_ID", "s3cret-token"),
        ("COUNTERSIGN_PLATFORM_INSTAGRAM_ACCOUNT_ID", "1784 1"),
        ("COUNTERSIGN_PLATFORM_META_API_VERSION", "v26.0/s3cret"),
        ("COUNTERSIGN_PLATFORM_X_API_VERSION", "2?"),
    ] {
        let error = read(&[(variable, value)]).unwrap_err().to_string();
        assert!(error.starts_with(variable), "{error}");
        assert!(!error.contains(value), "{error}");
    }
    assert!(!read(&[]).unwrap().alert_channels_allow_private);
    assert!(
        read(&[(variable, "true")])
            .unwrap()
            .alert_channels_allow_private
    );
}

#[test]
fn origins_are_read_as_browsers_send_them_and_what_is_none_is_named() {
    let variable = "COUNTERSIGN_ALLOWED_ORIGINS";
    let list = " https://Dashboard.example/ ,https://a.example:443,http://localhost:3000,,capacitor://localhost,\
                http://[::1]:8080";
    assert_eq!(
        read(&[(variable, list)]).unwrap().allowed_origins,
        [
            "https://dashboard.example",
            "https://a.example",
            "http://localhost:3000",
            "capacitor://localhost",
            "http://[::1]:8080",
        ]
    );
    assert!(read(&[]).unwrap().allowed_origins.is_empty());
    for entry in [
        "dashboard.example",
        "localhost:3000",
        "//dashboard.example",
        "https://",
        "https://dashboard.example/app",
        "https://dashboard.example?a=b",
        "https://dashboard.example#a",
        "https://me:word@dashboard.example",
        "https://*.example",
        "file:///",
        "null",
        "*",
    ] {
        let list = format!("https://a.example,{entry}");
        let error = read(&[(variable, &list)]).unwrap_err().to_string();
        assert!(error.starts_with(variable), "{error}");
        assert!(error.contains(entry), "{error}");
    }
}

#[test]
fn a_value_that_is_no_text_names_its_variable_and_an_empty_one_is_not_set() {
    let system = |name: &'static str, bytes: &'static [u8]| {
        Config::read_system(&move |variable| {
            (variable == name).then(|| OsStr::from_bytes(bytes).to_owned())
        })
    };
    for variable in [
        "DATABASE_URL",
        "COUNTERSIGN_PLATFORM_X_ACCESS_TOKEN",
        "COUNTERSIGN_DISCORD_BOT_TOKEN",
    ] {
        let error = system(variable, b"a\xff").unwrap_err().to_string();
        assert!(error.starts_with(variable), "{error}");
        assert!(error.contains("UTF-8"), "{error}");
    }
    let config = system("DATABASE_URL", b"").unwrap();
    assert!(config.database_url.is_none());
    let config = system("DATABASE_URL", "postgresql:///\u{e9}".as_bytes()).unwrap();
    let url = config.database_url.unwrap();
    assert_eq!(url.expose(), "postgresql:///\u{e9}");

    let at = |bytes: &[u8]| listen_at(Some(OsStr::from_bytes(bytes)));
    assert_eq!(listen_at(None).unwrap().to_string(), "127.0.0.1:8000");
    assert_eq!(at(b"[::]:80").unwrap().to_string(), "[::]:80");
    for bytes in [&b""[..], b"8000", b"127.0.0.1:80\xff"] {
        let error = at(bytes).unwrap_err().to_string();
        assert!(error.starts_with(LISTEN), "{error}");
    }
}

#[test]
fn discord_is_set_up_by_its_variables_and_a_bad_one_is_named() {
    assert!(read(&[]).unwrap().discord.is_none());
    let key = "82d8d97fe0641e68a1b0b11220f05e9ea0539a0cdc002119d4a9e9e025aba1e9";
    let config = read(&[
        ("COUNTERSIGN_DISCORD_PUBLIC_KEY", key),
        ("COUNTERSIGN_DISCORD_BOT_TOKEN", "b0t-token"),
    ])
    .unwrap();
    assert!(!format!("{config:?}").contains("b0t-token"));
    let discord = config.discord.unwrap();
    assert_eq!(discord.public_key.map(hex::encode).as_deref(), Some(key));
    assert_eq!(discord.base_url.as_str(), "https://discord.com/");
    for (variable, value) in [
        ("COUNTERSIGN_DISCORD_PUBLIC_KEY", &key[2..]),
        ("COUNTERSIGN_DISCORD_PUBLIC_KEY", "no key"),
        ("COUNTERSIGN_DISCORD_APPLICATION_ID", "7a"),
        ("COUNTERSIGN_DISCORD_BASE_URL", "discord.com"),
    ] {
        let error = read(&[(variable, value)]).unwrap_err();
        assert!(error.to_string().starts_with(variable), "{error}");
    }
}
