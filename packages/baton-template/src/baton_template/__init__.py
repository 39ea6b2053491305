"""baton-template: makes a new extension of Baton.

>>> from baton_template.naming import names_of
>>> names = names_of("My Deploy")
>>> names.slug, names.package, names.prefix
('baton-my-deploy', 'baton_my_deploy', 'MyDeploy')
"""

__version__ = "0.1.0"
