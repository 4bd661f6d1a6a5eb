-- What batch.sql needs beside the rows of seed.sql.
CREATE SEQUENCE bench_batch;
CREATE TABLE bench_sample (reason text NOT NULL, raw_data jsonb NOT NULL, comparisons jsonb NOT NULL);
INSERT INTO bench_sample VALUES (
    'Claimed 2,252 views; Reddit never tells how many: Reddit does not tell how often a post was seen.',
    '{"id": "10004e4", "ups": 89, "name": "t3_10004e4", "score": 89, "title": "Notes after a year of daily use",
      "author": "MarbleCompass79", "edited": false, "locked": false, "archived": false,
      "permalink": "/r/homeroasters/comments/10004e4/notes_after_a_year_of_daily_use/",
      "subreddit": "homeroasters", "hide_score": false, "removed_by": null, "view_count": null,
      "created_utc": 1671702039.0, "num_comments": 14, "upvote_ratio": 0.85, "num_crossposts": 0,
      "is_robot_indexable": true, "removed_by_category": null}',
    '[{"level": null, "actual": null, "metric": "VIEWS", "claimed": "2252", "difference": null,
       "reason": "Claimed 2,252 views; Reddit never tells how many: Reddit does not tell how often a post was seen.",
       "reason_code": "METRIC_UNSUPPORTED", "evidence_grade": null, "difference_percent": null,
       "platform_report_id": "120"},
      {"level": null, "actual": null, "metric": "CLICKS", "claimed": null, "difference": null,
       "reason": "No clicks are claimed.", "reason_code": "NOT_CLAIMED", "evidence_grade": null,
       "difference_percent": null, "platform_report_id": null},
      {"level": null, "actual": null, "metric": "CONVERSIONS", "claimed": null, "difference": null,
       "reason": "No conversions are claimed.", "reason_code": "NOT_CLAIMED", "evidence_grade": null,
       "difference_percent": null, "platform_report_id": null}]');
