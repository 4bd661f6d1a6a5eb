DROP TABLE alert_events;
DROP FUNCTION order_alert_events();
DROP TABLE alerts;
