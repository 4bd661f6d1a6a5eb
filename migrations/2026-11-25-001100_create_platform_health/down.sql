DROP FUNCTION take_platform_call(text, text);
DROP TABLE platform_budgets;
DROP TABLE platform_health;
