"""The use case backup: collect what was selected, archive it, commit it to the vault."""
