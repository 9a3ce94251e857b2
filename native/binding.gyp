{
  'variables': {
    'node_addon_api': '<!(node -p "require(\'node:path\').dirname(require.resolve(\'node-addon-api\'))")',
  },
  'targets': [
    {
      'target_name': 'multihomed',
      'sources': ['unity.cc'],
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS', '_GNU_SOURCE'],
      # A system include, so that its headers give no warnings.
      'cflags_cc': ['-isystem', '<(node_addon_api)', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden'],
    },
  ],
}
