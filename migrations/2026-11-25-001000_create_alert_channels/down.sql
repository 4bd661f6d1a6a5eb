DROP TABLE alert_cursors;
DROP TABLE alert_deliveries;
DROP TABLE alert_channel_secrets;
DROP TABLE alert_channels;
