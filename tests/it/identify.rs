//! Whose account a token reads: each adapter against the platform that the simulator plays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::model::{PlatformKind, Secret};
use countersign::platform::{Account, Owner, PlatformConfig, PlatformError, Platforms};
use countersign::simulator::{
    INSTAGRAM_ACCOUNT, INSTAGRAM_HANDLE, META_PAGE, Platform, STUDIO_HANDLE, Simulator,
    SimulatorConfig, TIKTOK_ACCOUNT, X_ACCOUNT, YOUTUBE_CHANNEL,
};
use url::Url;

/// The platforms that can be asked whose a token is.
const ASKED: [Platform; 5] = [
    Platform::Instagram,
    Platform::Meta,
    Platform::YouTube,
    Platform::TikTok,
    Platform::X,
];

const fn kind(platform: Platform) -> PlatformKind {
    match platform {
        Platform::Reddit => PlatformKind::Reddit,
        Platform::Instagram => PlatformKind::Instagram,
        Platform::Meta => PlatformKind::Meta,
        Platform::YouTube => PlatformKind::YouTube,
        Platform::TikTok => PlatformKind::TikTok,
        Platform::X => PlatformKind::X,
    }
}

struct Place {
    simulator: Simulator,
    platforms: Platforms,
}

impl Place {
    async fn start(credentials_required: bool) -> Self {
        let config = SimulatorConfig {
            seed: 7,
            credentials_required,
        };
        let simulator = Simulator::start(config, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let configs = Platform::ALL.map(|platform| {
            let base = Url::parse(&simulator.base_url(platform)).unwrap();
            let config = PlatformConfig {
                base_url: base.clone(),
                web_url: base,
                client_id: Some("the-client".to_owned()),
                client_secret: Some(Secret::new("the-client-secret")),
                access_token: Some(Secret::new("the-servers-token")),
                account_id: Some("1".to_owned()),
                operator_set_hosts: true,
                ..PlatformConfig::defaults(kind(platform))
            };
            (kind(platform), config)
        });
        let platforms = Platforms::new(configs).unwrap();
        Self {
            simulator,
            platforms,
        }
    }

    /// What a platform says of a token whose owner names the account `claimed`.
    async fn identify(
        &self,
        platform: Platform,
        token: &str,
        claimed: Option<&str>,
    ) -> Result<Account, PlatformError> {
        let owner = Owner {
            token: Secret::new(token),
            account: Account {
                id: claimed.map(str::to_owned),
                handle: None,
            },
        };
        let adapter = self.platforms.get(kind(platform)).unwrap();
        adapter.identify(&owner).await
    }

    fn token(&self, platform: Platform, account: u64) -> String {
        self.simulator.world().access_token(platform, account)
    }

    /// The owned account of a platform, and one of somebody else: the number that its token is
    /// issued for, and the account as the posts of both name it.
    fn accounts(&self, platform: Platform) -> [(u64, Account); 2] {
        let posts = self.simulator.world().posts(platform, 0, 4, None);
        let owned = match platform {
            Platform::Reddit => panic!("accounts of Reddit have no tokens"),
            Platform::Instagram => INSTAGRAM_ACCOUNT,
            Platform::Meta => META_PAGE,
            Platform::YouTube => YOUTUBE_CHANNEL,
            Platform::TikTok => TIKTOK_ACCOUNT,
            Platform::X => X_ACCOUNT,
        };
        [&posts[0], &posts[3]].map(|post| {
            let id = post.account_id.clone().unwrap();
            let number = match (platform, post.owned) {
                (_, true) => owned,
                (Platform::YouTube, false) => {
                    let place = post.account_handle.strip_prefix("creator_").unwrap();
                    owned + place.parse::<u64>().unwrap()
                }
                (_, false) => id.parse().unwrap(),
            };
            let handle = (platform != Platform::Meta).then(|| post.account_handle.clone());
            let account = Account {
                id: Some(id),
                handle,
            };
            (number, account)
        })
    }
}

#[tokio::test]
async fn a_token_is_of_the_account_that_its_posts_are_of() {
    for credentials_required in [true, false] {
        let place = Place::start(credentials_required).await;
        for platform in ASKED {
            let [owned, other] = place.accounts(platform);
            assert_ne!(owned, other, "{platform:?}");
            for (number, account) in [owned, other] {
                let token = place.token(platform, number);
                let told = place.identify(platform, &token, None).await;
                assert_eq!(told, Ok(account.clone()), "{platform:?}");
                let named = account.id.as_deref();
                let told = place.identify(platform, &token, named).await;
                assert_eq!(told, Ok(account.clone()), "{platform:?}");
            }
        }
        // Twice for each of two accounts, and not the posts of any.
        let world = place.simulator.world();
        for (name, times) in [
            ("instagram.accounts", 2),
            ("instagram.object", 2),
            ("meta.post", 4),
            ("youtube.channels", 4),
            ("tiktok.user_info", 4),
            ("x.users_me", 4),
            ("instagram.media", 0),
            ("youtube.videos", 0),
        ] {
            assert_eq!(world.calls(name), times, "{name}");
        }
        place.simulator.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_token_that_is_not_checked_is_of_the_owned_account() {
    let place = Place::start(false).await;
    for (platform, handle) in [
        (Platform::Instagram, Some(INSTAGRAM_HANDLE)),
        (Platform::Meta, None),
        (Platform::YouTube, Some(STUDIO_HANDLE)),
        (Platform::TikTok, Some(STUDIO_HANDLE)),
        (Platform::X, Some(STUDIO_HANDLE)),
    ] {
        let [(_, owned), _] = place.accounts(platform);
        let told = place.identify(platform, "any-token", None).await.unwrap();
        assert_eq!(told, owned, "{platform:?}");
        assert_eq!(told.handle.as_deref(), handle, "{platform:?}");
    }
    // One of Instagram Login is asked who it is, also where an account is named.
    let told = place
        .identify(Platform::Instagram, "IGAAtoken", Some("5"))
        .await;
    let owned = INSTAGRAM_ACCOUNT.to_string();
    assert_eq!(told.unwrap().id, Some(owned));
    place.simulator.stop().await.unwrap();
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_unauthorised_everywhere() {
    for (credentials_required, token) in [
        (true, "a-token-of-nobody"),
        (true, "expired-token"),
        (false, "expired-token"),
    ] {
        let place = Place::start(credentials_required).await;
        for platform in ASKED {
            for claimed in [None, Some("17841400000000001")] {
                let error = place.identify(platform, token, claimed).await.unwrap_err();
                let is_unauthorised = matches!(error, PlatformError::Unauthorised { .. });
                assert!(is_unauthorised, "{platform:?}: {error}");
                assert!(!error.to_string().contains(token), "{error}");
            }
        }
        place.simulator.stop().await.unwrap();
    }
}

#[tokio::test]
async fn whoever_names_anothers_account_is_refused_or_told_their_own() {
    for credentials_required in [true, false] {
        let place = Place::start(credentials_required).await;
        for platform in ASKED {
            let [(_, owned), (number, other)] = place.accounts(platform);
            let token = place.token(platform, number);
            let told = place.identify(platform, &token, owned.id.as_deref()).await;
            if platform == Platform::Instagram {
                let is_refused = matches!(told, Err(PlatformError::Refused { .. }));
                assert!(is_refused, "{told:?}");
            } else {
                assert_eq!(told, Ok(other), "{platform:?}");
            }
        }
        place.simulator.stop().await.unwrap();
    }
}

#[tokio::test]
async fn reddit_is_not_asked() {
    let place = Place::start(false).await;
    let told = place.identify(Platform::Reddit, "any-token", None).await;
    assert!(
        matches!(told, Err(PlatformError::Refused { .. })),
        "{told:?}"
    );
    for name in ["reddit.token", "reddit.info"] {
        assert_eq!(place.simulator.world().calls(name), 0, "{name}");
    }
    place.simulator.stop().await.unwrap();
}
