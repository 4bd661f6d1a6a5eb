//! The tokens that the simulator issues: whose each is stands in the token itself.

use super::codec::{BASE62, encode};
use super::digest::digest_number;
use super::platform::Platform;
use super::world::World;

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Tokens are not checked, so nothing is refused for whom it belongs to.
    Anybody,
    /// The account or the page that the token was issued for.
    Account(u64),
}

impl Caller {
    /// Whether it may read what belongs to this account or page.
    pub(super) const fn may_read(self, account: u64) -> bool {
        match self {
            Self::Anybody => true,
            Self::Account(own) => own == account,
        }
    }

    /// The account that is told to whoever asks for the caller's own: for anybody the owned one.
    pub(super) const fn or(self, owned: u64) -> u64 {
        match self {
            Self::Anybody => owned,
            Self::Account(own) => own,
        }
    }
}

/// What the tokens of a platform start with, before the number of the account.
const fn prefix(platform: Platform) -> &'static str {
    match platform {
        Platform::Reddit | Platform::Instagram | Platform::Meta => "EAAsim",
        Platform::YouTube => "AIzaSim",
        Platform::TikTok => "act.sim",
        Platform::X => "AAAAsim",
    }
}

impl World {
    /// The token of an account or a Facebook page, by its id; on YouTube an API key of the channel's
    /// owner, which is accepted as a bearer token as well. It does not expire.
    #[must_use]
    pub fn access_token(&self, platform: Platform, account: u64) -> String {
        let domain = format!("{}.access", platform.as_str());
        let check = digest_number(self.seed(), &domain, account);
        format!(
            "{}{account}Z{}",
            prefix(platform),
            encode(BASE62, check, 11)
        )
    }

    /// The account that a token was issued for; `None` for one that was not issued.
    pub(super) fn account_of_token(&self, platform: Platform, token: &str) -> Option<u64> {
        let (account, _) = token.strip_prefix(prefix(platform))?.split_once('Z')?;
        let account = account.parse().ok()?;
        (self.access_token(platform, account) == token).then_some(account)
    }

    /// Whose token this is on YouTube, TikTok or X; `None` where it is refused. One that the
    /// simulator issued is its account's even where tokens are not checked, and one that starts with
    /// `expired` is refused even there.
    pub(super) fn caller(&self, platform: Platform, token: Option<&str>) -> Option<Caller> {
        if token.is_some_and(|token| token.starts_with("expired")) {
            return None;
        }
        token
            .and_then(|token| self.account_of_token(platform, token))
            .map(Caller::Account)
            .or_else(|| (!self.credentials_required()).then_some(Caller::Anybody))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_its_account_on_its_platform_and_world_alone() {
        let world = World::new(7).with_credentials_required();
        for platform in [Platform::YouTube, Platform::TikTok, Platform::X] {
            let token = world.access_token(platform, 42);
            let own = Some(Caller::Account(42));
            assert_eq!(world.caller(platform, Some(&token)), own);
            assert_eq!(World::new(7).caller(platform, Some(&token)), own);
            assert_eq!(world.caller(Platform::Instagram, Some(&token)), None);
            let elsewhere = World::new(8).with_credentials_required();
            assert_eq!(elsewhere.caller(platform, Some(&token)), None);
        }
    }

    #[test]
    fn without_credentials_only_an_expired_token_is_refused() {
        let open = World::new(7);
        assert_eq!(open.caller(Platform::X, None), Some(Caller::Anybody));
        assert_eq!(open.caller(Platform::X, Some("any")), Some(Caller::Anybody));
        assert_eq!(open.caller(Platform::X, Some("expired-1")), None);
        let closed = World::new(7).with_credentials_required();
        assert_eq!(closed.caller(Platform::X, None), None);
        assert_eq!(closed.caller(Platform::X, Some("any")), None);
    }
}
