DROP TABLE policies;
DROP TABLE campaign_platforms;
DROP TABLE campaigns;
DROP TABLE platforms;
