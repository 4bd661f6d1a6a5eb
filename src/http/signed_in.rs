//! Callers by their access tokens.

use async_trait::async_trait;

use super::transport::{AuthFailure, Authenticator, RequestId, Session};
use crate::app::App;
use crate::domain::Viewer;
use crate::graphql::insert_loaders;

/// Knows callers by the tokens that this server signed.
pub(super) struct SignedIn {
    app: App,
}

impl SignedIn {
    pub(super) const fn new(app: App) -> Self {
        Self { app }
    }
}

#[async_trait]
impl Authenticator for SignedIn {
    type Viewer = Viewer;

    async fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Option<Session<Viewer>>, AuthFailure> {
        let Some(header) = authorization else {
            return Ok(None);
        };
        let (scheme, token) = header.split_once(' ').ok_or(AuthFailure::Invalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AuthFailure::Invalid);
        }
        let bearer = self
            .app
            .tokens
            .check(token.trim())
            .map_err(|_| AuthFailure::Invalid)?;
        match self
            .app
            .sign_ins
            .has_ended(&self.app.db, bearer.sign_in)
            .await
        {
            Ok(false) => {}
            Ok(true) => return Err(AuthFailure::Invalid),
            Err(error) => {
                tracing::warn!(%error, "a sign-in was not checked");
                return Err(AuthFailure::Unavailable);
            }
        }
        Ok(Some(Session {
            viewer: bearer.viewer,
            expires_at: Some(bearer.expires_at),
        }))
    }

    fn prepare(
        &self,
        request: async_graphql::Request,
        session: Option<&Session<Viewer>>,
        request_id: &RequestId,
    ) -> async_graphql::Request {
        let viewer = session.map(|session| session.viewer);
        let request = insert_loaders(&self.app, viewer, request).data(request_id.clone());
        match session {
            Some(session) => request.data(session.viewer),
            None => request,
        }
    }
}
