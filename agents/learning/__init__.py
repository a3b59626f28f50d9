"""What learners and their networks share. Imports no agent."""
