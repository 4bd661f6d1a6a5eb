//! Whether the process lives, and whether it can serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use poem::http::StatusCode;
use poem::web::{Data, Json};
use poem::{IntoResponse as _, Response, handler};

use crate::app::App;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the process takes new work. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
}

impl Readiness {
    /// From now on the process only ends what it has begun.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

/// The process lives. It asks nothing of anybody.
#[handler]
pub(super) fn healthz() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

/// 200 when requests can be served, 503 when not; the body says what is missing.
#[handler]
pub(super) async fn readyz(app: Data<&App>, readiness: Data<&Readiness>) -> Response {
    let draining = readiness.draining.load(Ordering::Relaxed);
    let database = matches!(
        tokio::time::timeout(PATIENCE, app.db.ping()).await,
        Ok(Ok(()))
    );
    let ready = database && !draining;
    let body = serde_json::json!({
        "status": if ready { "ok" } else { "unavailable" },
        "checks": {
            "database": if database { "ok" } else { "unreachable" },
            "draining": draining,
        },
    });
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Json(body).with_status(status).into_response()
}
