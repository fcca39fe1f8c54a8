# The Debian packages: one for each component. `./run package` builds them.
set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL runtime dev tool)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "Puck webhooks maintainers <puck-webhooks@example.org>")
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE https://example.org/puck-webhooks)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SOURCE puck-webhooks)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

get_target_property(soversion puck_webhooks SOVERSION)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libpuck-webhooks${soversion})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_MULTIARCH same)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/triggers)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION "The C library, which programs use at run time.")

set(dev_packages_of_stores "")
if(PUCK_WITH_SQLITE)
  string(APPEND dev_packages_of_stores ", libsqlite3-dev (>= 3.24)")
endif()
if(PUCK_WITH_REDIS)
  string(APPEND dev_packages_of_stores ", libhiredis-dev (>= 0.14), pkgconf | pkg-config")
endif()
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libpuck-webhooks-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_MULTIARCH same)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
  "${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME} (= ${PROJECT_VERSION}), libssl-dev (>= 3.0.3), libsimdjson-dev${dev_packages_of_stores}")
set(CPACK_DEBIAN_DEV_DESCRIPTION "The headers for C and C++, and the static library for C++.")

set(CPACK_DEBIAN_TOOL_PACKAGE_NAME puck-webhooks)
set(CPACK_DEBIAN_TOOL_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOL_DESCRIPTION "The command line, which judges one delivery or a stream of recorded ones.")

include(CPack)

# Debian requires more files in a package. They are made and installed only for the packages.
set(made ${CMAKE_CURRENT_BINARY_DIR}/debian)
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
  string(TOUPPER ${component} upper)
  set(folder ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  install(CODE "execute_process(COMMAND_ERROR_IS_FATAL ANY
      COMMAND bash \"${CMAKE_CURRENT_SOURCE_DIR}/debian_files\"
        \"${made}\" ${PROJECT_VERSION} \"$<TARGET_FILE:puck-webhooks>\")"
    COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES ${made}/changelog.gz DESTINATION ${folder} COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE RENAME copyright
    DESTINATION ${folder} COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()
install(DIRECTORY ${made}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT tool EXCLUDE_FROM_ALL)
