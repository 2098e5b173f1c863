-- Of a workspace that goes by the wall clock it is known that it does: nobody need wait for its clock.

ALTER TABLE engine.clocks ALTER COLUMN clock_at DROP NOT NULL;
COMMENT ON COLUMN engine.clocks.clock_at IS 'Null: the workspace goes by the wall clock.';
