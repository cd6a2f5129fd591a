"""A generated app in a project, where people edit it.

inspect        writes it, and shows what a second run would change
generated_app  the app's files, and what is kept of the last time; snapshot, of the database
merge          changes of the database get into what people edited. merge_file, references
"""
