//! Rights at the root: each field of the root types is looked up in the table of rights before it is resolved.

use std::sync::Arc;

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo,
};
use async_graphql::{Context, ServerError, ServerResult, Value};

use super::errors::top_level;
use crate::app::App;
use crate::domain::Viewer;
use crate::domain::access::authorise;

/// Makes the guard of each request.
pub struct Guard;

impl ExtensionFactory for Guard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Guard {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        // Names that begin so are the schema's own, which anybody may read.
        let is_ours = !info.name.starts_with("__");
        if matches!(info.parent_type, "Query" | "Mutation") && is_ours {
            let viewer = ctx.data_opt::<Viewer>();
            authorise(viewer, info.name).map_err(|error| {
                let error = top_level(error);
                let mut refused = ServerError::new(error.message, Some(info.field.name.pos));
                refused.extensions = error.extensions;
                refused.path = info
                    .path_node
                    .to_string_vec()
                    .into_iter()
                    .map(async_graphql::PathSegment::Field)
                    .collect();
                refused
            })?;
        }
        next.run(ctx, info).await
    }
}

/// The shared parts of the process.
pub fn app<'a>(ctx: &Context<'a>) -> &'a App {
    ctx.data_unchecked::<App>()
}

/// Who asks.
///
/// # Errors
/// Nobody is signed in.
pub fn viewer<'a>(ctx: &Context<'a>) -> async_graphql::Result<&'a Viewer> {
    ctx.data_opt::<Viewer>()
        .ok_or_else(|| top_level(crate::error::Error::Unauthenticated))
}
