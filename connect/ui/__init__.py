"""The web page: HTML, style and ES modules, which `connect.rest.ui` serves at `/ui`; nothing of it is built.

    index.html   the document; it names the modules that the first view needs, so that they are fetched at once
    app.css      colours of both themes as variables, and the shared parts
    js/app.js    the shell: header, navigation, login, the view that the address names
    js/api.js    the one place that asks the worker; js/live.js keeps the states of all connectors
    js/views.js  which views there are; js/views/ has a module for each, js/parts/ what they share
    js/vendor/   the one library, as it was published, with its licences

Elsewhere: whatever the page shows and does, it shows and does by the public REST API.
"""
