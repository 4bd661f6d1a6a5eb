// @generated from the migrated database. Do not edit: `make schema` writes it, and a test compares it.

diesel::table! {
    advertisers (id) {
        id -> Int8,
        name -> Text,
        category -> Nullable<Text>,
        website -> Nullable<Text>,
        application_rule -> Text,
        minimum_trust -> Numeric,
        created_at -> Timestamptz,
        reapply_after_days -> Int4,
        require_timestamp -> Bool,
    }
}

diesel::table! {
    affiliate_reports (id) {
        id -> Int8,
        post_id -> Int8,
        policy_id -> Int8,
        claimed_views -> Nullable<Int8>,
        claimed_clicks -> Nullable<Int8>,
        claimed_conversions -> Nullable<Int8>,
        views_definition -> Text,
        evidence -> Nullable<Jsonb>,
        submission_method -> Text,
        submitted_at -> Timestamptz,
    }
}

diesel::table! {
    affiliates (id) {
        id -> Int8,
        name -> Text,
        email -> Nullable<Text>,
        discord_user_id -> Nullable<Text>,
        trust_score -> Numeric,
        total_submissions -> Int8,
        accurate_submissions -> Int8,
        chain_head -> Text,
        chain_length -> Int8,
        is_active -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    alert_channel_secrets (id) {
        id -> Int8,
        channel_id -> Int8,
        sealed -> Bytea,
        key_id -> Text,
        created_at -> Timestamptz,
        valid_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    alert_channels (id) {
        id -> Int8,
        advertiser_id -> Int8,
        kind -> Text,
        shown_url -> Text,
        url_sealed -> Bytea,
        url_key_id -> Text,
        minimum_level -> Nullable<Text>,
        state -> Text,
        disabled_reason -> Nullable<Text>,
        disabled_at -> Nullable<Timestamptz>,
        from_event_id -> Int8,
        last_delivered_at -> Nullable<Timestamptz>,
        failing_since -> Nullable<Timestamptz>,
        paused_until -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        last_failed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    alert_cursors (reader) {
        reader -> Text,
        last_event_id -> Int8,
    }
}

diesel::table! {
    alert_deliveries (id) {
        id -> Int8,
        channel_id -> Int8,
        kind -> Text,
        event_id -> Nullable<Int8>,
        message_id -> Uuid,
        body -> Text,
        status -> Text,
        attempts -> Int4,
        last_status_code -> Nullable<Int4>,
        last_error -> Nullable<Text>,
        next_attempt_at -> Nullable<Timestamptz>,
        delivered_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        last_attempt_at -> Nullable<Timestamptz>,
        job_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    alert_events (id) {
        id -> Int8,
        alert_id -> Int8,
        kind -> Text,
        occurred_at -> Timestamptz,
    }
}

diesel::table! {
    alerts (id) {
        id -> Int8,
        kind -> Text,
        level -> Nullable<Text>,
        finality -> Nullable<Text>,
        status -> Text,
        dedupe_key -> Text,
        campaign_id -> Nullable<Int8>,
        post_id -> Nullable<Int8>,
        affiliate_id -> Nullable<Int8>,
        reconciliation_id -> Nullable<Int8>,
        message -> Text,
        occurrences -> Int4,
        created_at -> Timestamptz,
        acknowledged_at -> Nullable<Timestamptz>,
        resolved_at -> Nullable<Timestamptz>,
        resolved_by -> Nullable<Text>,
        resolution_notes -> Nullable<Text>,
        highest_level -> Nullable<Text>,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Int8,
        user_id -> Int8,
        prefix -> Text,
        hash -> Bytea,
        label -> Nullable<Text>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    applications (id) {
        id -> Int8,
        advertiser_id -> Int8,
        affiliate_id -> Int8,
        status -> Text,
        message -> Nullable<Text>,
        reason -> Nullable<Text>,
        created_at -> Timestamptz,
        decided_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    campaign_platforms (campaign_id, platform) {
        campaign_id -> Int8,
        platform -> Text,
        views_definition -> Text,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    campaigns (id) {
        id -> Int8,
        advertiser_id -> Int8,
        name -> Text,
        status -> Text,
        starts_at -> Nullable<Timestamptz>,
        ends_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    dead_jobs (id) {
        id -> Uuid,
        channel_name -> Text,
        name -> Text,
        payload_json -> Nullable<Text>,
        payload_bytes -> Nullable<Bytea>,
        created_at -> Timestamptz,
        died_at -> Timestamptz,
        last_error -> Text,
        attempts -> Int4,
    }
}

diesel::table! {
    discord_interactions (id) {
        id -> Text,
        application_id -> Text,
        discord_user_id -> Text,
        command -> Jsonb,
        token_sealed -> Nullable<Bytea>,
        token_key_id -> Nullable<Text>,
        affiliate_report_id -> Nullable<Int8>,
        asked_at -> Timestamptz,
        answered_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    eligibility (advertiser_id, affiliate_id) {
        advertiser_id -> Int8,
        affiliate_id -> Int8,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    idempotency_keys (user_id, mutation, key) {
        user_id -> Int8,
        mutation -> Text,
        key -> Text,
        request_hash -> Bytea,
        affiliate_report_id -> Int8,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    mq_msgs (id) {
        id -> Uuid,
        channel_name -> Text,
        name -> Text,
        payload_json -> Nullable<Text>,
        payload_bytes -> Nullable<Bytea>,
        created_at -> Timestamptz,
        attempt_at -> Timestamptz,
        attempts -> Int4,
        retry_backoff -> Interval,
        commit_interval -> Nullable<Interval>,
        worker_id -> Nullable<Int8>,
        last_error -> Nullable<Text>,
        crashes -> Int4,
    }
}

diesel::table! {
    order_revisions (id) {
        id -> Int8,
        order_id -> Int8,
        revision -> Int4,
        amount -> Numeric,
        commission -> Numeric,
        status -> Text,
        body -> Text,
        signed_at -> Nullable<Timestamptz>,
        received_at -> Timestamptz,
    }
}

diesel::table! {
    orders (id) {
        id -> Int8,
        advertiser_id -> Int8,
        order_id -> Text,
        affiliate_id -> Int8,
        campaign_id -> Nullable<Int8>,
        currency -> Text,
        amount -> Numeric,
        commission -> Numeric,
        status -> Text,
        revisions -> Int4,
        received_at -> Timestamptz,
    }
}

diesel::table! {
    platform_budgets (platform, credential) {
        platform -> Text,
        credential -> Text,
        remaining -> Nullable<Int8>,
        resets_at -> Nullable<Timestamptz>,
        snoozed_until -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    platform_credentials (id) {
        id -> Int8,
        affiliate_id -> Int8,
        platform -> Text,
        account_id -> Nullable<Text>,
        account_handle -> Nullable<Text>,
        token_sealed -> Nullable<Bytea>,
        token_key_id -> Nullable<Text>,
        state -> Text,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        version -> Int4,
        created_at -> Timestamptz,
        unlinked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    platform_health (platform) {
        platform -> Text,
        circuit -> Text,
        opened_at -> Nullable<Timestamptz>,
        probe_at -> Nullable<Timestamptz>,
        failed_probes -> Int8,
        window_started_at -> Nullable<Timestamptz>,
        successes -> Int8,
        failures -> Int8,
        last_success_at -> Nullable<Timestamptz>,
        last_error -> Nullable<Text>,
        only_own -> Bool,
    }
}

diesel::table! {
    platform_reports (id) {
        id -> Int8,
        post_id -> Int8,
        platform -> Text,
        gone -> Bool,
        views -> Nullable<Int8>,
        views_availability -> Text,
        views_definition -> Nullable<Text>,
        views_grade -> Nullable<Text>,
        views_reason -> Nullable<Text>,
        clicks -> Nullable<Int8>,
        clicks_availability -> Text,
        clicks_definition -> Nullable<Text>,
        clicks_grade -> Nullable<Text>,
        clicks_reason -> Nullable<Text>,
        conversions -> Nullable<Int8>,
        conversions_availability -> Text,
        conversions_definition -> Nullable<Text>,
        conversions_grade -> Nullable<Text>,
        conversions_reason -> Nullable<Text>,
        raw_data -> Jsonb,
        raw_hash -> Text,
        fetched_at -> Timestamptz,
        spend -> Nullable<Numeric>,
        currency -> Nullable<Text>,
        credential_id -> Nullable<Int8>,
    }
}

diesel::table! {
    platforms (kind) {
        kind -> Text,
        enabled -> Bool,
        base_url -> Nullable<Text>,
        client_id -> Nullable<Text>,
        client_secret_sealed -> Nullable<Bytea>,
        client_secret_key_id -> Nullable<Text>,
        access_token_sealed -> Nullable<Bytea>,
        access_token_key_id -> Nullable<Text>,
        api_version -> Nullable<Text>,
        requests_per_minute -> Nullable<Int4>,
        version -> Int8,
        calls_left -> Nullable<Float8>,
        calls_left_at -> Nullable<Timestamptz>,
        account_id -> Nullable<Text>,
        ad_account_id -> Nullable<Text>,
        ad_access_token_sealed -> Nullable<Bytea>,
        ad_access_token_key_id -> Nullable<Text>,
    }
}

diesel::table! {
    policies (id) {
        id -> Int8,
        campaign_id -> Int8,
        version -> Int4,
        low_below_percent -> Numeric,
        high_above_percent -> Numeric,
        absolute_floor -> Int8,
        alert_from -> Text,
        lag_window_hours -> Nullable<Int4>,
        recheck_hours -> Array<Int4>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    posts (id) {
        id -> Int8,
        campaign_id -> Int8,
        affiliate_id -> Int8,
        platform -> Text,
        url -> Text,
        canonical_url -> Text,
        platform_post_id -> Nullable<Text>,
        account_handle -> Nullable<Text>,
        title -> Nullable<Text>,
        description -> Nullable<Text>,
        status -> Text,
        duplicate_of -> Nullable<Int8>,
        is_reconciled -> Bool,
        next_check_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        author_id -> Nullable<Text>,
        author_handle -> Nullable<Text>,
        published_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    queue_workers (id) {
        id -> Int8,
        started_at -> Timestamptz,
    }
}

diesel::table! {
    reconciliation_logs (id) {
        id -> Int8,
        affiliate_report_id -> Int8,
        platform_report_id -> Nullable<Int8>,
        affiliate_id -> Int8,
        post_id -> Int8,
        policy_id -> Int8,
        status -> Text,
        discrepancy_level -> Nullable<Text>,
        finality -> Text,
        comparisons -> Jsonb,
        explanation -> Text,
        chain_position -> Int8,
        previous_hash -> Text,
        hash -> Text,
        processed_at -> Timestamptz,
    }
}

diesel::table! {
    reconciliation_runs (id) {
        id -> Int8,
        requested_by -> Nullable<Int8>,
        campaign_id -> Int8,
        post_id -> Nullable<Int8>,
        total -> Int8,
        reached -> Int8,
        through -> Int8,
        requested_at -> Timestamptz,
    }
}

diesel::table! {
    refresh_tokens (id) {
        id -> Int8,
        user_id -> Int8,
        family -> Uuid,
        hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        api_key_id -> Nullable<Int8>,
    }
}

diesel::table! {
    rollups (campaign_id, grain, hour, affiliate_id, platform, currency) {
        campaign_id -> Int8,
        grain -> Text,
        platform -> Text,
        affiliate_id -> Int8,
        hour -> Timestamptz,
        currency -> Text,
        posts -> Numeric,
        posts_observed -> Numeric,
        reports -> Numeric,
        claimed_views_posts -> Numeric,
        claimed_clicks_posts -> Numeric,
        claimed_conversions_posts -> Numeric,
        observed_views_posts -> Numeric,
        observed_clicks_posts -> Numeric,
        observed_conversions_posts -> Numeric,
        counting -> Numeric,
        accurate -> Numeric,
        open_alerts -> Numeric,
        matched -> Numeric,
        partially_matched -> Numeric,
        discrepancy -> Numeric,
        unverifiable -> Numeric,
        not_comparable -> Numeric,
        failed -> Numeric,
        level_none -> Numeric,
        level_low -> Numeric,
        level_medium -> Numeric,
        level_high -> Numeric,
        orders -> Numeric,
        orders_reversed -> Numeric,
        claimed_views -> Numeric,
        claimed_clicks -> Numeric,
        claimed_conversions -> Numeric,
        observed_views -> Numeric,
        observed_clicks -> Numeric,
        observed_conversions -> Numeric,
        spend -> Numeric,
        order_amount -> Numeric,
        commission -> Numeric,
    }
}

diesel::table! {
    run_claims (run_id, affiliate_report_id) {
        run_id -> Int8,
        affiliate_report_id -> Int8,
        status -> Text,
        reconciliation_id -> Nullable<Int8>,
    }
}

diesel::table! {
    trust_events (id) {
        id -> Int8,
        affiliate_id -> Int8,
        reconciliation_id -> Int8,
        accurate -> Bool,
        score_before -> Numeric,
        score_after -> Numeric,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    users (id) {
        id -> Int8,
        role -> Text,
        advertiser_id -> Nullable<Int8>,
        affiliate_id -> Nullable<Int8>,
        email -> Nullable<Text>,
        password_hash -> Nullable<Text>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    webhook_secrets (id) {
        id -> Int8,
        advertiser_id -> Int8,
        sealed -> Bytea,
        key_id -> Text,
        created_at -> Timestamptz,
        valid_until -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(affiliate_reports -> policies (policy_id));
diesel::joinable!(affiliate_reports -> posts (post_id));
diesel::joinable!(alert_channel_secrets -> alert_channels (channel_id));
diesel::joinable!(alert_channels -> advertisers (advertiser_id));
diesel::joinable!(alert_deliveries -> alert_channels (channel_id));
diesel::joinable!(alert_deliveries -> alert_events (event_id));
diesel::joinable!(alert_events -> alerts (alert_id));
diesel::joinable!(alerts -> affiliates (affiliate_id));
diesel::joinable!(alerts -> campaigns (campaign_id));
diesel::joinable!(alerts -> posts (post_id));
diesel::joinable!(alerts -> reconciliation_logs (reconciliation_id));
diesel::joinable!(api_keys -> users (user_id));
diesel::joinable!(applications -> advertisers (advertiser_id));
diesel::joinable!(applications -> affiliates (affiliate_id));
diesel::joinable!(campaign_platforms -> campaigns (campaign_id));
diesel::joinable!(campaign_platforms -> platforms (platform));
diesel::joinable!(campaigns -> advertisers (advertiser_id));
diesel::joinable!(discord_interactions -> affiliate_reports (affiliate_report_id));
diesel::joinable!(eligibility -> advertisers (advertiser_id));
diesel::joinable!(eligibility -> affiliates (affiliate_id));
diesel::joinable!(idempotency_keys -> affiliate_reports (affiliate_report_id));
diesel::joinable!(idempotency_keys -> users (user_id));
diesel::joinable!(order_revisions -> orders (order_id));
diesel::joinable!(orders -> advertisers (advertiser_id));
diesel::joinable!(orders -> affiliates (affiliate_id));
diesel::joinable!(orders -> campaigns (campaign_id));
diesel::joinable!(platform_budgets -> platforms (platform));
diesel::joinable!(platform_credentials -> affiliates (affiliate_id));
diesel::joinable!(platform_credentials -> platforms (platform));
diesel::joinable!(platform_health -> platforms (platform));
diesel::joinable!(platform_reports -> platform_credentials (credential_id));
diesel::joinable!(platform_reports -> platforms (platform));
diesel::joinable!(platform_reports -> posts (post_id));
diesel::joinable!(policies -> campaigns (campaign_id));
diesel::joinable!(posts -> affiliates (affiliate_id));
diesel::joinable!(reconciliation_logs -> affiliate_reports (affiliate_report_id));
diesel::joinable!(reconciliation_logs -> affiliates (affiliate_id));
diesel::joinable!(reconciliation_logs -> platform_reports (platform_report_id));
diesel::joinable!(reconciliation_logs -> policies (policy_id));
diesel::joinable!(reconciliation_logs -> posts (post_id));
diesel::joinable!(reconciliation_runs -> campaigns (campaign_id));
diesel::joinable!(reconciliation_runs -> posts (post_id));
diesel::joinable!(reconciliation_runs -> users (requested_by));
diesel::joinable!(refresh_tokens -> api_keys (api_key_id));
diesel::joinable!(refresh_tokens -> users (user_id));
diesel::joinable!(rollups -> campaigns (campaign_id));
diesel::joinable!(run_claims -> affiliate_reports (affiliate_report_id));
diesel::joinable!(run_claims -> reconciliation_logs (reconciliation_id));
diesel::joinable!(run_claims -> reconciliation_runs (run_id));
diesel::joinable!(trust_events -> affiliates (affiliate_id));
diesel::joinable!(trust_events -> reconciliation_logs (reconciliation_id));
diesel::joinable!(users -> advertisers (advertiser_id));
diesel::joinable!(users -> affiliates (affiliate_id));
diesel::joinable!(webhook_secrets -> advertisers (advertiser_id));

diesel::allow_tables_to_appear_in_same_query!(
    advertisers,
    affiliate_reports,
    affiliates,
    alert_channel_secrets,
    alert_channels,
    alert_cursors,
    alert_deliveries,
    alert_events,
    alerts,
    api_keys,
    applications,
    campaign_platforms,
    campaigns,
    dead_jobs,
    discord_interactions,
    eligibility,
    idempotency_keys,
    mq_msgs,
    order_revisions,
    orders,
    platform_budgets,
    platform_credentials,
    platform_health,
    platform_reports,
    platforms,
    policies,
    posts,
    queue_workers,
    reconciliation_logs,
    reconciliation_runs,
    refresh_tokens,
    rollups,
    run_claims,
    trust_events,
    users,
    webhook_secrets,
);
