//! Platforms.

use async_graphql::{Context, Object, SimpleObject};

use super::enums::PlatformKind;
use super::errors::ToTop as _;
use super::guard::app;
use crate::domain::read;
use crate::error::Error;
use crate::model;

/// Where posts are published.
#[derive(SimpleObject)]
pub struct Platform {
    /// Which platform.
    kind: PlatformKind,
    /// Whether this server has access to it.
    available: bool,
    /// Whether operators have it enabled.
    enabled: bool,
}

impl From<read::Platform> for Platform {
    fn from(platform: read::Platform) -> Self {
        Self {
            kind: platform.kind.into(),
            available: platform.available,
            enabled: platform.enabled,
        }
    }
}

impl Platform {
    /// The platform of this kind.
    ///
    /// # Errors
    /// The database failed.
    pub async fn of(ctx: &Context<'_>, kind: model::PlatformKind) -> async_graphql::Result<Self> {
        let all = read::platforms(app(ctx)).await.top()?;
        all.into_iter()
            .find(|platform| platform.kind == kind)
            .map(Self::from)
            .ok_or_else(|| Error::internal(format!("no row for {kind}")))
            .top()
    }
}

/// Queries on platforms.
#[derive(Default)]
pub struct PlatformQuery;

#[Object]
impl PlatformQuery {
    /// Every platform.
    async fn platforms(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Platform>> {
        Ok(read::platforms(app(ctx))
            .await
            .top()?
            .into_iter()
            .map(Platform::from)
            .collect())
    }

    /// One platform.
    async fn platform(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which platform.")] kind: PlatformKind,
    ) -> async_graphql::Result<Option<Platform>> {
        Platform::of(ctx, kind.into()).await.map(Some)
    }
}
