DROP FUNCTION refuse_change();
DROP FUNCTION countersign_now();
