"""What to do now: the playbook and the plan made from it."""
