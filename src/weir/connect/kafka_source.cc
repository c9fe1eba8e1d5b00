#include "weir/connect/kafka_source.h"

#include <utility>

#include "weir/connect/kafka/kafka_log.h"
#include "weir/connect/kafka/kafka_options.h"
#include "weir/connect/records/record_source.h"

namespace weir::connect {

Result<std::shared_ptr<columnar::BatchSource>> OpenKafkaSource(
    Env& env, const columnar::SourceDeclaration& declaration) {
  WEIR_ASSIGN_OR_RETURN(KafkaOptions options, ParseKafkaOptions(declaration.options));
  RecordSourceOptions records;
  records.name = declaration.name;
  records.records = std::move(options.records);
  records.scan = std::move(options.scan);
  records.group_id = std::move(options.group_id);
  records.declared = declaration.columns;
  records.metadata = declaration.metadata;
  return OpenRecordSource(std::move(records), [&env, properties = std::move(options.properties),
                                               topic = std::move(options.topic)] {
    return OpenKafkaLog(env, properties, topic);
  });
}

}  // namespace weir::connect
