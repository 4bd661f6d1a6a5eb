DROP TABLE applications;
DROP TABLE refresh_tokens;
DROP TABLE api_keys;
DROP TABLE users;
DROP TABLE eligibility;
DROP TABLE affiliates;
DROP TABLE advertisers;
